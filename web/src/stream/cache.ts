import type { QueryClient } from '@tanstack/react-query'
import {
  applicationsQuery,
  environmentsQuery,
  operationsQuery,
  organizationsQuery,
  sovereignQuery,
  type Application,
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

const of = (kind: Kind, frames: Frame[]) => frames.filter((frame) => frame.kind === kind)

/** Replaces what the cache knows of an Organization by a whole snapshot. */
export async function applySnapshot(client: QueryClient, org: string, frames: Frame[]): Promise<void> {
  // An answer that is still on its way is older than the snapshot and must not overwrite it.
  await Promise.all([
    client.cancelQueries({ queryKey: applicationsQuery(org).queryKey }),
    client.cancelQueries({ queryKey: operationsQuery(org).queryKey }),
  ])
  client.setQueryData(applicationsQuery(org).queryKey, patch<Application>(undefined, of('Application', frames)))
  // Finished Operations may have left the stream but not the history, so they are added to, not replaced.
  client.setQueryData(operationsQuery(org).queryKey, (old) => patch(old, of('Operation', frames)))
  const environments = of('Environment', frames)
  if (environments.length > 0) client.setQueryData(environmentsQuery(org).queryKey, patch<Environment>(undefined, environments))
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
  applyRest(client, frames)
}

function applyRest(client: QueryClient, frames: Frame[]): void {
  const organizations = of('Organization', frames)
  if (organizations.length > 0) {
    client.setQueryData(organizationsQuery.queryKey, (old) => (old ? patch(old, organizations) : old))
  }
  const sovereign = of('Sovereign', frames).findLast((frame) => frame.object)
  if (sovereign) client.setQueryData(sovereignQuery.queryKey, sovereign.object as Sovereign)
}
