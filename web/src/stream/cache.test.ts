import { QueryClient } from '@tanstack/react-query'
import { describe, expect, it, vi } from 'vitest'
import {
  activityQuery,
  applicationsQuery,
  blueprintUsesQuery,
  operationsQuery,
  setAsideQuery,
  sovereignQuery,
  type Activity,
  type Application,
  type BlueprintUse,
  type Frame,
  type Operation,
  type SetAside,
  type Sovereign,
  type View,
} from '../api'
import { applyChanges, applySnapshot, patch, viewKey } from './cache'

const application = (name: string, phase = 'Running') =>
  ({ kind: 'Application', organization: 'acme', environment: 'acme-dev', name, phase }) as Application
const operation = (name: string) => ({ kind: 'Operation', organization: 'acme', environment: 'acme-dev', name }) as Operation
const frame = (object: View): Frame => ({ key: viewKey(object), kind: object.kind, object })
const gone = (object: View): Frame => ({ ...frame(object), object: null })

describe('viewKey', () => {
  it('is what the services call it', () => {
    expect(viewKey(application('web'))).toBe('Application/acme-dev/web')
    expect(viewKey({ kind: 'Environment', organization: 'acme', name: 'acme-dev', changedAt: '' })).toBe('Environment/acme/acme-dev')
    expect(viewKey({ kind: 'Sovereign', name: 'local', changedAt: '' })).toBe('Sovereign//local')
  })
})

const activity = (environment: string, ...summaries: string[]) =>
  ({ kind: 'Activity', organization: 'acme', environment, name: environment, entries: summaries.map((summary) => ({ summary })) }) as Activity
const use = (organization: string, environment: string, name: string, ...applications: string[]) =>
  ({ kind: 'BlueprintUse', organization, environment, name, versions: [{ version: '1.0.0', applications }] }) as BlueprintUse

describe('patch', () => {
  const list = [application('a'), application('b')]

  it('replaces, adds and removes', () => {
    const patched = patch(list, [frame(application('b', 'Failed')), frame(application('c')), gone(application('a'))])
    expect(patched.map((each) => `${each.name} ${each.phase}`)).toEqual(['b Failed', 'c Running'])
  })

  it('is the same list where nothing changed', () => {
    expect(patch(list, [gone(application('z'))])).toBe(list)
  })
})

describe('the cache', () => {
  const read = (client: QueryClient) => client.getQueryData(applicationsQuery('acme').queryKey)?.map((each) => each.name)

  it('holds what the snapshot holds, then what changed', async () => {
    const client = new QueryClient()
    client.setQueryData(applicationsQuery('acme').queryKey, [application('old')])
    await applySnapshot(client, 'acme', [frame(application('a'))])
    expect(read(client)).toEqual(['a'])
    applyChanges(client, 'acme', [frame(application('b')), gone(application('a'))])
    expect(read(client)).toEqual(['b'])
  })

  it('keeps Operations that the stream no longer carries', async () => {
    const client = new QueryClient()
    client.setQueryData(operationsQuery('acme').queryKey, [operation('op-1')])
    await applySnapshot(client, 'acme', [frame(operation('op-2'))])
    expect(client.getQueryData(operationsQuery('acme').queryKey)?.map((each) => each.name)).toEqual(['op-1', 'op-2'])
  })

  it('is not overwritten by an answer that was on its way when the snapshot came', async () => {
    const client = new QueryClient()
    let answer: (list: Application[]) => void = () => undefined
    const late = client.fetchQuery({ ...applicationsQuery('acme'), queryFn: () => new Promise<Application[]>((resolve) => (answer = resolve)) })
    late.catch(() => undefined)
    await applySnapshot(client, 'acme', [frame(application('new'))])
    answer([application('stale')])
    await Promise.resolve()
    expect(read(client)).toEqual(['new'])
  })
})

describe('the cache of Activity', () => {
  const summaries = (client: QueryClient, environment: string) =>
    client.getQueryData(activityQuery('acme', environment).queryKey)?.entries?.map((entry) => entry.summary)

  it('follows the stream, one Environment apart from the other', async () => {
    const client = new QueryClient()
    await applySnapshot(client, 'acme', [frame(activity('acme-dev', 'a')), frame(activity('acme-prod', 'p'))])
    applyChanges(client, 'acme', [frame(activity('acme-dev', 'b', 'a'))])
    expect([summaries(client, 'acme-dev'), summaries(client, 'acme-prod')]).toEqual([['b', 'a'], ['p']])
  })

  it('is empty where the snapshot no longer holds it, or it was deleted', async () => {
    const client = new QueryClient()
    await applySnapshot(client, 'acme', [frame(activity('acme-dev', 'a')), frame(activity('acme-prod', 'p'))])
    await applySnapshot(client, 'acme', [frame(activity('acme-prod', 'p'))])
    applyChanges(client, 'acme', [gone(activity('acme-prod'))])
    expect(client.getQueryData(activityQuery('acme', 'acme-dev').queryKey)).toBeNull()
    expect(client.getQueryData(activityQuery('acme', 'acme-prod').queryKey)).toBeNull()
  })
})

describe('the cache of the uses of a Blueprint', () => {
  const key = blueprintUsesQuery('bp-a').queryKey
  const places = (client: QueryClient) => client.getQueryData(key)?.map((each) => `${each.environment}: ${each.versions?.[0]?.applications?.join(' ')}`)

  it('replaces what is of this Organization and keeps the others', async () => {
    const client = new QueryClient()
    client.setQueryData(key, [use('acme', 'acme-old', 'bp-a', 'x'), use('kestrel', 'kestrel-dev', 'bp-a', 'k')])
    await applySnapshot(client, 'acme', [frame(use('acme', 'acme-dev', 'bp-a', 'shop')), frame(use('acme', 'acme-dev', 'bp-b', 'other'))])
    expect(places(client)).toEqual(['kestrel-dev: k', 'acme-dev: shop'])
    applyChanges(client, 'acme', [frame(use('acme', 'acme-dev', 'bp-a', 'shop', 'cart'))])
    expect(places(client)).toEqual(['kestrel-dev: k', 'acme-dev: shop cart'])
  })

  it('begins no list by itself: a part would look like the whole', () => {
    const client = new QueryClient()
    applyChanges(client, 'acme', [frame(use('acme', 'acme-dev', 'bp-a', 'shop'))])
    expect(client.getQueryData(key)).toBeUndefined()
  })
})

describe('the cache of the Sovereign', () => {
  it('takes heartbeats, and what is set aside where somebody looks at that', () => {
    const client = new QueryClient()
    const sovereign = { kind: 'Sovereign', name: 'sovereign', sources: [{ name: 'local', reachable: true, heardAt: '2026-11-21T08:00:00Z' }] } as Sovereign
    const aside = { kind: 'SetAside', organization: 'acme', name: 'x', subject: 'ws.acme-dev.k8s', sizeBytes: 9, reason: 'too large' } as SetAside
    applyChanges(client, 'acme', [frame(sovereign), frame(aside)])
    expect(client.getQueryData(sovereignQuery.queryKey)?.sources?.[0]?.reachable).toBe(true)
    expect(client.getQueryData(setAsideQuery.queryKey)).toBeUndefined()
    client.setQueryData(setAsideQuery.queryKey, [])
    applyChanges(client, 'acme', [frame(aside)])
    expect(client.getQueryData(setAsideQuery.queryKey)?.map((each) => each.subject)).toEqual(['ws.acme-dev.k8s'])
  })
})

describe('what the stream keeps', () => {
  it('stays while nobody looks at it', async () => {
    vi.useFakeTimers()
    const client = new QueryClient()
    await applySnapshot(client, 'acme', [frame(application('a'))])
    await vi.advanceTimersByTimeAsync(3_600_000)
    applyChanges(client, 'acme', [frame(application('b'))])
    expect(client.getQueryData(applicationsQuery('acme').queryKey)?.map((each) => each.name)).toEqual(['a', 'b'])
    vi.useRealTimers()
  })
})
