import { call, path } from './client'
import { Problem } from './problem'
import type {
  Activity,
  Application,
  ApplicationValues,
  BlueprintCard,
  BlueprintDetail,
  BlueprintUse,
  Bootstrap,
  Environment,
  InstallPlan,
  Operation,
  Organization,
  Page,
  PlanRequest,
  Session,
  SetAside,
  Sovereign,
} from './types'

/** Answers null where the API says "there is none" by one of these statuses. */
async function orNull<T>(promise: Promise<T>, ...statuses: number[]): Promise<T | null> {
  try {
    return await promise
  } catch (error) {
    if (error instanceof Problem && statuses.includes(error.status)) return null
    throw error
  }
}

/** Reads every page of a list. */
async function all<T>(first: string, signal?: AbortSignal): Promise<T[]> {
  const items: T[] = []
  let cursor: string | undefined
  do {
    const glue = first.includes('?') ? '&' : '?'
    const page: Page<T> | T[] = await call(cursor ? `${first}${glue}cursor=${encodeURIComponent(cursor)}` : first, { signal })
    if (Array.isArray(page)) return page
    items.push(...(page.items ?? []))
    cursor = page.next || undefined
  } while (cursor)
  return items
}

export const api = {
  session: (signal?: AbortSignal) => orNull(call<Session>(path`/session`, { signal }), 401),
  signOut: () => call<void>('/auth/logout', { method: 'POST' }),
  bootstrap: (signal?: AbortSignal) => orNull(call<Bootstrap>(path`/bootstrap`, { signal }), 404),
  sovereign: (signal?: AbortSignal) => orNull(call<Sovereign>(path`/sovereign`, { signal }), 404),
  organizations: (signal?: AbortSignal) => all<Organization>(path`/organizations`, signal),
  environments: (org: string, signal?: AbortSignal) => all<Environment>(path`/organizations/${org}/environments`, signal),
  applications: (org: string, signal?: AbortSignal) => all<Application>(path`/organizations/${org}/applications`, signal),
  operations: async (org: string, signal?: AbortSignal) =>
    (await call<Page<Operation>>(path`/organizations/${org}/operations` + '?limit=50', { signal })).items ?? [],
  operationsPage: (org: string, cursor: string, signal?: AbortSignal) =>
    call<Page<Operation>>(`${path`/organizations/${org}/operations`}?limit=100${cursor && `&cursor=${encodeURIComponent(cursor)}`}`, { signal }),
  operation: (org: string, id: string, signal?: AbortSignal) =>
    call<Operation>(path`/organizations/${org}/operations/${id}`, { signal }),
  activity: (org: string, env: string, signal?: AbortSignal) =>
    orNull(call<Activity>(path`/organizations/${org}/environments/${env}/activity`, { signal }), 404),
  setAside: (signal?: AbortSignal) => all<SetAside>(path`/set-aside`, signal),
  blueprintUses: (name: string, signal?: AbortSignal) =>
    all<BlueprintUse>(`${path`/blueprint-uses`}?blueprint=${encodeURIComponent(name)}`, signal),
  blueprints: (signal?: AbortSignal) => all<BlueprintCard>(path`/blueprints`, signal),
  blueprint: (name: string, signal?: AbortSignal) => call<BlueprintCard>(path`/blueprints/${name}`, { signal }),
  blueprintVersion: (name: string, version: string, signal?: AbortSignal) =>
    call<BlueprintDetail>(path`/blueprints/${name}/versions/${version}`, { signal }),
  plan: (org: string, body: PlanRequest, signal?: AbortSignal) =>
    call<InstallPlan>(path`/organizations/${org}/install-plans`, { method: 'POST', body, signal }),
  carryOut: (org: string, plan: string) =>
    call<Operation>(path`/organizations/${org}/install-plans/${plan}/operation`, { method: 'POST' }),
  cancel: (org: string, operation: string) =>
    call<Operation>(path`/organizations/${org}/operations/${operation}/cancel`, { method: 'POST' }),
  retry: (org: string, operation: string) =>
    call<Operation>(path`/organizations/${org}/operations/${operation}/retry`, { method: 'POST' }),
  values: (org: string, env: string, app: string, signal?: AbortSignal) =>
    call<ApplicationValues>(path`/organizations/${org}/environments/${env}/applications/${app}/values`, { signal }),
}
