import type { Application, Environment, Operation, Phase } from '../../api'
import { phaseOf } from './unknown'

export interface Group {
  name: string
  entries: Application[]
}

const stages = ['dev', 'stg', 'uat', 'poc', 'prod']

function rank(environment: string): number {
  const at = stages.indexOf(environment.slice(environment.lastIndexOf('-') + 1))
  return at < 0 ? stages.length : at
}

/** dev before stg before prod, whatever the Organization is called. */
export function byStage(a: string, b: string): number {
  return rank(a) - rank(b) || a.localeCompare(b)
}

export interface Filter {
  q?: string
  environment?: string
  phase?: Phase
}

const phases: Phase[] = ['Failed', 'Degraded', 'Unknown', 'Installing', 'Updating', 'Removing', 'Paused', 'Running']

// A phase that a newer server sends comes last.
const urgency = (phase: Phase) => (phases.includes(phase) ? phases.indexOf(phase) : phases.length)

/** How many entries of the list are in each phase, those that need care first. It counts what the list would show. */
export function countPhases(applications: Application[], { q, environment }: Filter): [Phase, number][] {
  const counts = new Map<Phase, number>()
  for (const { entries } of group(applications, { q, environment })) {
    for (const entry of entries) counts.set(phaseOf(entry), (counts.get(phaseOf(entry)) ?? 0) + 1)
  }
  return [...counts].toSorted(([a], [b]) => urgency(a) - urgency(b) || a.localeCompare(b))
}

/** One group for each Application, with its Environments in the order of the stages. */
export function group(applications: Application[], { q = '', environment, phase }: Filter): Group[] {
  const words = q.toLowerCase().split(/\s+/).filter(Boolean)
  const groups = new Map<string, Application[]>()
  for (const each of applications) {
    if (environment && each.environment !== environment) continue
    if (phase && phaseOf(each) !== phase) continue
    const text = `${each.name} ${each.environment ?? ''} ${phaseOf(each)} ${each.blueprint.name} ${each.blueprint.version}`.toLowerCase()
    if (!words.every((word) => text.includes(word))) continue
    groups.set(each.name, [...(groups.get(each.name) ?? []), each])
  }
  return [...groups]
    .map(([name, entries]) => ({ name, entries: entries.toSorted((a, b) => byStage(a.environment ?? '', b.environment ?? '')) }))
    .toSorted((a, b) => a.name.localeCompare(b.name))
}

/** The Environments to choose from: those declared, and those that something runs in. */
export function environmentNames(environments: Environment[], applications: Application[]): string[] {
  return [...new Set([...environments.map((each) => each.name), ...applications.map((each) => each.environment ?? '')])]
    .filter(Boolean)
    .toSorted(byStage)
}

export function pods(application: Application): { ready: number; desired: number } {
  const workloads = application.workloads ?? []
  return {
    ready: workloads.reduce((sum, each) => sum + each.ready, 0),
    desired: workloads.reduce((sum, each) => sum + each.desired, 0),
  }
}

export const isFinal = (operation: Operation) => operation.endedAt !== undefined || ['Succeeded', 'Failed', 'Cancelled'].includes(operation.state)

/** The Applications that an Operation changes; an old one names only its own. */
export const changed = (operation: Operation) => (operation.applications?.length ? operation.applications : [operation.application])

/** The newest Operation on an Application in an Environment. */
export function latestOperation(operations: Operation[], environment: string, application: string): Operation | undefined {
  return operations
    .filter((each) => changed(each).includes(application) && (!each.environment || each.environment === environment))
    .toSorted((a, b) => b.createdAt.localeCompare(a.createdAt))[0]
}

export interface Arrival {
  application: string
  operation: Operation
}

/** Applications that are being installed, alone or for another one, and that the cluster has not shown anything of. */
export function arriving(operations: Operation[], applications: Application[]): Arrival[] {
  const known = new Set(applications.map((each) => `${each.environment}/${each.name}`))
  return operations
    .filter((each) => each.action === 'install' && !isFinal(each))
    .flatMap((operation) => changed(operation).map((application) => ({ application, operation })))
    .filter(({ application, operation }) => !known.has(`${operation.environment}/${application}`))
}
