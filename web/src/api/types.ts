// The shapes that the API speaks, by hand until docs/api/openapi.json exists. Only src/api reads this file directly;
// everybody else imports from '../api', so that the source can be swapped for schema.gen.ts in one place.

export type Kind = 'Sovereign' | 'Organization' | 'Environment' | 'Application' | 'Operation'

export interface Header {
  kind: Kind
  organization?: string
  environment?: string
  name: string
  observedAt: string
}

export type Phase = 'Installing' | 'Running' | 'Updating' | 'Degraded' | 'Failed' | 'Paused' | 'Removing' | 'Unknown'

export type Health = 'Current' | 'InProgress' | 'Failed' | 'Terminating' | 'Unknown'

export interface Commit {
  sha: string
  author?: string
  email?: string
  message?: string
  at?: string
}

export interface Workload {
  kind: string
  name: string
  desired: number
  ready: number
  images: string[] | null
  health: Health
  message?: string
}

export interface Endpoint {
  name: string
  url: string
}

export interface Part {
  kind: string
  name: string
  health: Health
  message?: string
  revision?: string
}

export interface BlueprintRef {
  name: string
  version: string
}

export interface Application extends Header {
  blueprint: BlueprintRef
  phase: Phase
  message: string
  desired?: Commit
  applied?: Commit
  workloads: Workload[] | null
  endpoints: Endpoint[] | null
  parts: Part[] | null
  changes: Commit[] | null
  repository: string
  branch: string
  since: string
}

export interface Environment extends Header {
  envType: string
  branch: string
  ready: boolean
  message: string
}

export interface Organization extends Header {
  displayName: string
  ready: boolean
  message: string
}

export interface Cluster {
  name: string
  version: string
  nodes: number
  simulatedNodes: number
}

export interface Sovereign extends Header {
  clusters: Cluster[] | null
}

export type OperationState = 'Pending' | 'Running' | 'Waiting' | 'Succeeded' | 'Failed'

export interface Step {
  name: string
  state: OperationState
  message?: string
}

export interface Operation extends Header {
  action: 'install' | 'configure' | 'uninstall'
  application: string
  requester: string
  state: OperationState
  message: string
  steps: Step[] | null
  commit?: string
  createdAt: string
  endedAt?: string
}

export type View = Application | Environment | Organization | Sovereign | Operation

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
  digest?: string
  signedBy?: string
  installable: boolean
  reason?: string
}

export interface InstallRequest {
  name: string
  blueprint: string
  version?: string
  environment: string
  values: Values
}

export interface PlannedFile {
  path: string
  content: string
}

export interface PlannedCommit {
  repository: string
  branches: string[] | null
  message: string
  files: PlannedFile[] | null
  /** Files that would be deleted. */
  removed?: string[] | null
}

export interface InstallPlan {
  commits: PlannedCommit[] | null
  values?: Values
  warnings?: string[] | null
}

export interface ApplicationValues {
  values: Values
  commit: string
  blueprint: BlueprintRef
}

export interface Page<T> {
  items: T[] | null
  next?: string
}
