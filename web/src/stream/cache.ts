import type { QueryClient } from '@tanstack/react-query'
import {
  activitiesKey,
  activityQuery,
  applicationsQuery,
  blueprintUsesKey,
  environmentsQuery,
  operationsQuery,
  organizationsQuery,
  setAsideQuery,
  sovereignQuery,
  type Activity,
  type Application,
  type BlueprintUse,
  type Environment,
  type Frame,
  type Header,
  type Kind,
  type Sovereign,
} from '../api'

/** The key of a view on the stream: the same rule as view.Header.Key of the services. */
export function viewKey(view: Header): string {
  return `${view.kind}/${view.environment || view.organization || ''}/${view.name}`
}

/** Applies frames to a list, last one wins. Answers the same list if nothing changed, so that nothing is drawn again. */
export function patch<T extends Header>(list: T[] | undefined, frames: Frame[]): T[] {
  const byKey = new Map((list ?? []).map((view) => [viewKey(view), view]))
  let changed = list === undefined
  for (const frame of frames) {
    if (frame.object) {
      byKey.set(frame.key, frame.object as unknown as T)
      changed = true
    } else if (byKey.delete(frame.key)) {
      changed = true
    }
  }
  return changed ? [...byKey.values()] : (list as T[])
}

/** What the stream keeps is not thrown away while nobody looks: all that came back of it would be what changed since. */
function keep(client: QueryClient, org: string): void {
  for (const queryKey of [applicationsQuery(org).queryKey, operationsQuery(org).queryKey, activitiesKey(org)]) {
    client.setQueryDefaults(queryKey, { gcTime: Number.POSITIVE_INFINITY })
  }
}

const of = (kind: Kind, frames: Frame[]) => frames.filter((frame) => frame.kind === kind)

/** Replaces what the cache knows of an Organization by a whole snapshot. */
export async function applySnapshot(client: QueryClient, org: string, frames: Frame[]): Promise<void> {
  keep(client, org)
  // An answer that is still on its way is older than the snapshot and must not overwrite it.
  await Promise.all([
    client.cancelQueries({ queryKey: applicationsQuery(org).queryKey }),
    client.cancelQueries({ queryKey: operationsQuery(org).queryKey }),
    client.cancelQueries({ queryKey: activitiesKey(org) }),
  ])
  client.setQueryData(applicationsQuery(org).queryKey, patch<Application>(undefined, of('Application', frames)))
  // Finished Operations may have left the stream but not the history, so they are added to, not replaced.
  client.setQueryData(operationsQuery(org).queryKey, (old) => patch(old, of('Operation', frames)))
  const environments = of('Environment', frames)
  if (environments.length > 0) client.setQueryData(environmentsQuery(org).queryKey, patch<Environment>(undefined, environments))
  const told = of('Activity', frames)
  const seen = new Set(told.map((frame) => frame.object?.environment))
  for (const [key] of client.getQueriesData<Activity>({ queryKey: activitiesKey(org) })) {
    if (!seen.has(key[2] as string)) client.setQueryData(key, null)
  }
  applyActivities(client, org, told)
  applyUses(client, of('BlueprintUse', frames), (use) => use.organization !== org)
  applyRest(client, frames)
}

/** Patches the cache with changes. */
export function applyChanges(client: QueryClient, org: string, frames: Frame[]): void {
  const applications = of('Application', frames)
  if (applications.length > 0) client.setQueryData(applicationsQuery(org).queryKey, (old) => patch(old, applications))
  const operations = of('Operation', frames)
  if (operations.length > 0) client.setQueryData(operationsQuery(org).queryKey, (old) => patch(old, operations))
  const environments = of('Environment', frames)
  if (environments.length > 0) client.setQueryData(environmentsQuery(org).queryKey, (old) => patch(old, environments))
  applyActivities(client, org, of('Activity', frames))
  applyUses(client, of('BlueprintUse', frames), () => true)
  applyRest(client, frames)
}

function applyActivities(client: QueryClient, org: string, frames: Frame[]): void {
  for (const { key, object } of frames) {
    const environment = key.split('/')[1] ?? ''
    client.setQueryData(activityQuery(org, environment).queryKey, object as Activity | null)
  }
}

/** Patches the uses of each Blueprint that somebody looks at; kept says which of the known ones are not told anew. */
function applyUses(client: QueryClient, frames: Frame[], kept: (use: BlueprintUse) => boolean): void {
  for (const [key, old] of client.getQueriesData<BlueprintUse[]>({ queryKey: blueprintUsesKey })) {
    if (!old) continue
    const mine = frames.filter((frame) => frame.key.slice(frame.key.lastIndexOf('/') + 1) === key[1])
    const rest = old.every(kept) ? old : old.filter(kept)
    client.setQueryData(key, patch(rest, mine))
  }
}

function applyRest(client: QueryClient, frames: Frame[]): void {
  const organizations = of('Organization', frames)
  if (organizations.length > 0) {
    client.setQueryData(organizationsQuery.queryKey, (old) => (old ? patch(old, organizations) : old))
  }
  const aside = of('SetAside', frames)
  if (aside.length > 0) client.setQueryData(setAsideQuery.queryKey, (old) => (old ? patch(old, aside) : old))
  const sovereign = of('Sovereign', frames).findLast((frame) => frame.object)
  if (sovereign) client.setQueryData(sovereignQuery.queryKey, sovereign.object as Sovereign)
}
