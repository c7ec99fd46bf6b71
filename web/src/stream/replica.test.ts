import { describe, expect, it } from 'vitest'
import { Replica, type StreamEvent } from './replica'

const put = (name: string, phase = 'Running'): StreamEvent => ({
  event: 'put',
  data: JSON.stringify({ key: `Application/acme-dev/${name}`, kind: 'Application', object: { kind: 'Application', environment: 'acme-dev', name, phase } }),
})
const del = (name: string): StreamEvent => ({
  event: 'delete',
  data: JSON.stringify({ key: `Application/acme-dev/${name}`, kind: 'Application', object: null }),
})
const synced: StreamEvent = { event: 'synced', data: '{}' }
const resync: StreamEvent = { event: 'resync', data: '{"reason":"too far behind"}' }

function play(events: StreamEvent[]) {
  const replica = new Replica()
  const outputs = events.map((event) => replica.apply(event))
  return { replica, outputs, names: replica.frames.map((frame) => frame.object?.name) }
}

describe('Replica', () => {
  it('shows nothing of a snapshot before it is whole', () => {
    const { replica, outputs, names } = play([put('a'), put('b')])
    expect(outputs).toEqual([null, null])
    expect(names).toEqual([])
    expect(replica.complete).toBe(false)
  })

  it('hands the whole snapshot over at synced', () => {
    const { replica, outputs, names } = play([put('a'), put('b'), synced])
    expect(outputs.at(-1)).toMatchObject({ type: 'snapshot' })
    expect(names).toEqual(['a', 'b'])
    expect(replica.complete).toBe(true)
  })

  it('passes changes on once it is in step', () => {
    const { outputs, names } = play([put('a'), synced, put('b'), del('a')])
    expect(outputs.slice(2)).toMatchObject([{ type: 'change' }, { type: 'change', frame: { object: null } }])
    expect(names).toEqual(['b'])
  })

  it('forgets what a snapshot after a resync no longer holds', () => {
    const { outputs, names } = play([put('a'), put('b'), synced, resync, put('b'), synced])
    expect(outputs[3]).toEqual({ type: 'resync', reason: 'too far behind' })
    expect(names).toEqual(['b'])
  })

  it('keeps what it has while a new snapshot is under way', () => {
    const { names } = play([put('a'), synced, resync, put('b')])
    expect(names).toEqual(['a'])
  })

  it('takes a delete within a snapshot into account', () => {
    const { names } = play([put('a'), put('b'), del('a'), synced])
    expect(names).toEqual(['b'])
  })

  it('removes nothing at a synced that follows no snapshot', () => {
    const { outputs, names } = play([put('a'), synced, synced])
    expect(outputs.at(-1)).toEqual({ type: 'synced' })
    expect(names).toEqual(['a'])
  })

  it('ignores events that it does not know', () => {
    const { outputs } = play([{ event: 'gate', data: 'no JSON at all' }])
    expect(outputs).toEqual([null])
  })

  it('counts an object that is null as gone, whatever the event is called', () => {
    const { names } = play([put('a'), synced, { ...del('a'), event: 'put' }])
    expect(names).toEqual([])
  })
})
