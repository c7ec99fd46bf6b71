// The shapes that the API speaks: from the generated schema where the OpenAPI document describes them, by hand only for
// what is outside it (the stream's frames, problems, the session and the bootstrap of a local Sovereign). Only src/api reads
// this file and the schema directly; everybody else imports from '../api'.
import type { components } from './schema.gen'

type Schemas = components['schemas']

/** What every view carries. */
export type Header = Pick<Schemas['Application'], 'kind' | 'organization' | 'environment' | 'name' | 'changedAt' | 'unknownSince'>
export type Commit = Schemas['Commit']
export type Workload = Schemas['Workload']
export type Pod = Schemas['Pod']
export type Warning = Schemas['Warning']
export type Dependency = Schemas['Dependency']
export type Endpoint = Schemas['Endpoint']
export type Part = Schemas['Part']
export type BlueprintRef = Schemas['Blueprint']
export type Application = Schemas['Application']
export type Environment = Schemas['Environment']
export type Organization = Schemas['Organization']
export type Cluster = Schemas['Cluster']
export type Sovereign = Schemas['Sovereign']
export type Source = Schemas['Source']
export type Activity = Schemas['Activity']
export type ActivityEntry = Schemas['ActivityEntry']
export type BlueprintUse = Schemas['BlueprintUse']
export type SetAside = Schemas['SetAside']
export type Step = Schemas['Step']
export type Operation = Schemas['Operation']
export type ApplicationValues = Schemas['CurrentValues']
export type InstallPlan = Schemas['InstallPlan']
export type PlanRequest = Schemas['PlanRequest']
export type PlanNode = Schemas['PlanNode']
export type Offer = Schemas['Offer']
export type PlannedChange = Schemas['PlannedChange']
export type PlannedCommit = Schemas['PlannedCommit']
export type PlannedManifests = Schemas['PlannedManifests']
export type ManifestChange = Schemas['ManifestChange']
export type Affected = Schemas['Affected']
export type Moved = Schemas['Moved']
export type Choice = Schemas['Choice']
export type Size = Schemas['Size']

export type Kind = Application['kind']

export type Phase = Application['phase']

export type Health = Workload['health']

export type OperationState = Operation['state']

export type Action = Operation['action']

export type View = Application | Environment | Organization | Sovereign | Operation | Activity | BlueprintUse | SetAside

export interface Frame {
  key: string
  kind: Kind
  object: View | null
}

export interface FieldError {
  location?: string
  message: string
}

export interface ProblemBody {
  type?: string
  title: string
  status: number
  detail: string
  code: string
  errors?: FieldError[]
  suggestion?: string
  moved?: Moved
  dependents?: string[] | null
  hint?: string
}

export type RoleName = 'sovereign-admin' | 'security-officer' | 'org-admin' | 'org-developer' | 'org-viewer'

export interface Role {
  role: RoleName
  organization?: string
  envType?: string
}

export interface Person {
  subject: string
  email: string
  name: string
  roles: Role[] | null
}

export interface Session {
  person: Person
  expiresAt: string
}

export type StepState = 'pending' | 'running' | 'done' | 'failed'

export interface BootstrapStep {
  id: string
  title: string
  state: StepState
  detail?: string
  startedAt?: string
  endedAt?: string
  progress?: number
  error?: string
  hint?: string
}

export type ComponentState = 'building' | 'starting' | 'running' | 'stopped' | 'failed' | 'waiting'

export interface BootstrapComponent {
  name: string
  title: string
  state: ComponentState
  detail?: string
  pid?: number
  restarts: number
  memoryBytes?: number
}

export interface Bootstrap {
  ready: boolean
  startedAt: string
  error?: string
  hint?: string
  steps: BootstrapStep[] | null
  components: BootstrapComponent[] | null
}

export interface BlueprintVersion {
  version: string
  installable: boolean
  reason?: string
  digest?: string
}

export interface BlueprintCard {
  name: string
  version: string
  title: string
  summary: string
  category: string
  icon?: string
  owner?: string
  versions: BlueprintVersion[] | null
}

export type JsonSchema = Record<string, unknown>
export type Values = Record<string, unknown>

export interface BlueprintDetail {
  name: string
  version: string
  title: string
  summary: string
  description?: string
  category: string
  icon?: string
  configSchema?: JsonSchema | null
  order?: string[]
  digest?: string
  signedBy?: string
  installable: boolean
  reason?: string
  sizes?: Size[]
}

/** How a person wants dependencies satisfied, by their path in the tree: "db/backup". */
export type Choices = Record<string, Choice>

export interface Page<T> {
  items: T[] | null
  next?: string
}
