import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Problem } from '../api'
import type { Connection } from './connection'
import { Hub, type HubMessage } from './hub'

const app = (name: string) => ({
  event: 'put',
  data: JSON.stringify({ key: `Application/acme-dev/${name}`, kind: 'Application', object: { kind: 'Application', environment: 'acme-dev', name } }),
})
const synced = { event: 'synced', data: '{}' }

/** A stream that the test opens, feeds and ends by hand. */
function byHand() {
  const connections: (Connection & { close: () => void; fail: (error: Error) => void })[] = []
  const read = (connection: Connection) =>
    new Promise<void>((resolve, reject) => {
      connection.signal.addEventListener('abort', () => reject(new Problem({ status: 0 })))
      connections.push({ ...connection, close: resolve, fail: reject })
    })
  return { connections, read }
}

function start(options: { silence?: number } = {}) {
  const { connections, read } = byHand()
  const hub = new Hub('/stream', { read, backoff: () => 100, tick: 10, ...options }).start()
  const heard: HubMessage[] = []
  hub.subscribe((message) => heard.push(message))
  const last = () => connections.at(-1)!
  return { hub, connections, last, heard, of: (type: HubMessage['type']) => heard.filter((message) => message.type === type) }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())
const settle = (ms = 0) => vi.advanceTimersByTimeAsync(ms)

describe('Hub', () => {
  it('is live when the snapshot is whole', () => {
    const { hub, last, of } = start()
    last().onOpen?.()
    last().onEvent(app('a'))
    expect(hub.status.phase).toBe('connecting')
    last().onEvent(synced)
    expect(hub.status.phase).toBe('live')
    expect(of('snapshot')).toHaveLength(1)
  })

  it('gathers changes of one tick into one message', async () => {
    const { last, of } = start()
    last().onEvent(synced)
    last().onEvent(app('a'))
    last().onEvent(app('b'))
    expect(of('changes')).toHaveLength(0)
    await settle(10)
    expect(of('changes')).toMatchObject([{ frames: [{ key: 'Application/acme-dev/a' }, { key: 'Application/acme-dev/b' }] }])
  })

  it('comes back after a clean close, from where it was', async () => {
    const { hub, connections, last } = start()
    last().onEvent({ ...synced, id: 'e-7' })
    last().close()
    await settle()
    expect(hub.status.phase).toBe('reconnecting')
    await settle(100)
    expect(connections).toHaveLength(2)
    expect(last().lastEventId).toBe('e-7')
    last().onOpen?.()
    expect(hub.status.phase).toBe('live')
  })

  it('says when it last heard anything before it was cut', async () => {
    const { hub, last } = start()
    last().onEvent(synced)
    last().onActivity?.()
    const heardAt = Date.now()
    await settle(5000)
    last().close()
    await settle()
    expect(hub.status).toMatchObject({ phase: 'reconnecting', heardAt, since: heardAt + 5000 })
  })

  it('starts anew where the snapshot was cut off', async () => {
    const { connections, last } = start()
    last().onEvent({ ...app('a'), id: 'e-3' })
    last().close()
    await settle(100)
    expect(connections).toHaveLength(2)
    expect(last().lastEventId).toBeUndefined()
  })

  it('gives up a connection that went silent', async () => {
    const { hub, connections, last } = start({ silence: 1000 })
    last().onEvent(synced)
    await settle(800)
    last().onActivity?.() // a heartbeat
    await settle(900)
    expect(connections).toHaveLength(1)
    await settle(400)
    expect(hub.status).toMatchObject({ phase: 'reconnecting', reason: 'The stream went silent.' })
    await settle(100)
    expect(connections).toHaveLength(2)
  })

  it('stops, and says so, when the session is over', async () => {
    const { hub, connections, last } = start()
    last().fail(new Problem({ status: 401, detail: 'Sign in again.' }))
    await settle(5000)
    expect(hub.status.phase).toBe('signed-out')
    expect(connections).toHaveLength(1)
  })

  it('does not wait when it is woken', async () => {
    const { hub, connections, last } = start()
    last().close()
    await settle()
    hub.wake()
    await settle()
    expect(connections).toHaveLength(2)
  })

  it('gives the snapshot to whoever comes later', () => {
    const { hub, last } = start()
    last().onEvent(app('a'))
    last().onEvent(synced)
    const later: HubMessage[] = []
    hub.subscribe((message) => later.push(message))
    expect(later).toMatchObject([{ type: 'status' }, { type: 'snapshot', frames: [{ key: 'Application/acme-dev/a' }] }])
  })
})
