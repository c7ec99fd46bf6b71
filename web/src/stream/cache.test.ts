import { QueryClient } from '@tanstack/react-query'
import { describe, expect, it } from 'vitest'
import { applicationsQuery, operationsQuery, type Application, type Frame, type Operation } from '../api'
import { applyChanges, applySnapshot, patch, viewKey } from './cache'

const application = (name: string, phase = 'Running') =>
  ({ kind: 'Application', organization: 'acme', environment: 'acme-dev', name, phase }) as Application
const operation = (name: string) => ({ kind: 'Operation', organization: 'acme', environment: 'acme-dev', name }) as Operation
const frame = (object: Application | Operation): Frame => ({ key: viewKey(object), kind: object.kind, object })
const gone = (object: Application): Frame => ({ ...frame(object), object: null })

describe('viewKey', () => {
  it('is what the services call it', () => {
    expect(viewKey(application('web'))).toBe('Application/acme-dev/web')
    expect(viewKey({ kind: 'Environment', organization: 'acme', name: 'acme-dev', observedAt: '' })).toBe('Environment/acme/acme-dev')
    expect(viewKey({ kind: 'Sovereign', name: 'local', observedAt: '' })).toBe('Sovereign//local')
  })
})

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
