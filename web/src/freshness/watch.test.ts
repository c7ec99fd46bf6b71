import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Source, Sovereign } from '../api'
import type { StreamStatus } from '../stream/hub'
import { clock } from '../ui/time'
import { FreshnessWatch } from './watch'

const noon = Date.parse('2026-11-21T12:00:00Z')
const live: StreamStatus = { phase: 'live', since: noon }
const cut: StreamStatus = { phase: 'reconnecting', since: noon, reason: 'The server closed the stream.', heardAt: noon - 1000 }

/** A Sovereign with one cluster and the forge, as heard at a moment by the Sovereign's clock. */
const heardAt = (at: number, local: Partial<Source> = {}): Sovereign => {
  const heardAt = new Date(at).toISOString()
  const sources = [{ name: 'forge', reachable: true, heardAt }, { name: 'local', reachable: true, heardAt, ...local }]
  return { kind: 'Sovereign', name: 'sovereign', changedAt: heardAt, clusters: null, sources }
}

beforeEach(() => void vi.useFakeTimers({ now: noon }))
afterEach(() => void vi.useRealTimers())
const wait = (seconds: number) => vi.advanceTimersByTime(seconds * 1000)

function start() {
  const watch = new FreshnessWatch()
  let told = 0
  watch.subscribe(() => told++)
  return { watch, texts: () => watch.doubts().map((doubt) => doubt.text), told: () => told }
}

describe('FreshnessWatch', () => {
  it('doubts nothing while heartbeats come, and tells nobody of each', () => {
    const { watch, texts, told } = start()
    for (let beat = 0; beat < 20; beat++) {
      watch.observe(live, heardAt(Date.now()))
      wait(5)
    }
    expect(texts()).toEqual([])
    expect(told()).toBe(0)
  })

  it('says since when nothing was heard, after 20 seconds of silence', () => {
    const { watch, texts } = start()
    watch.observe(live, heardAt(noon))
    wait(19.9)
    expect(texts()).toEqual([])
    wait(0.1)
    expect(texts()).toHaveLength(1)
    expect(texts()[0]).toContain(`Nothing has been heard since ${clock(noon)}`)
    expect(watch.doubts()[0]?.everything).toBe(true)
    watch.observe(live, heardAt(Date.now()))
    expect(texts()).toEqual([])
  })

  it('does not trust the clock of a source: what arrives is new', () => {
    const { watch, texts } = start()
    const behind = 3_600_000
    watch.observe(live, heardAt(noon - behind))
    for (let beat = 1; beat < 20; beat++) {
      watch.observe(live, heardAt(Date.now() - behind + 1))
      wait(5)
    }
    expect(texts()).toEqual([])
  })

  it('knows from the first that what it is given is old', () => {
    const { watch, texts } = start()
    watch.observe(live, heardAt(noon - 3_600_000))
    wait(6)
    expect(texts()[0]).toContain(`Nothing has been heard since ${clock(noon - 3_600_000)}`)
  })

  it('says that the stream is cut, why and since when', () => {
    const { watch, texts } = start()
    watch.observe(live, heardAt(noon))
    watch.observe(cut, heardAt(noon))
    wait(3)
    expect(texts()).toEqual([
      `Nothing has been heard since ${clock(noon - 1000)}: The server closed the stream. Trying again. What you see is the last that was known.`,
    ])
    wait(60) // the silence that follows is the same doubt
    expect(texts()).toHaveLength(1)
  })

  it('does not show what is over in less than three seconds', () => {
    const { watch, told } = start()
    for (let round = 0; round < 5; round++) {
      watch.observe(cut, heardAt(Date.now()))
      wait(2.9)
      watch.observe({ ...live, since: Date.now() }, heardAt(Date.now()))
      wait(2)
    }
    expect(told()).toBe(0)
  })

  it('does not doubt a stream that has just come back and is still telling what was missed', () => {
    const { watch, texts } = start()
    watch.observe(cut, heardAt(noon))
    wait(60)
    watch.observe({ ...live, since: Date.now() }, heardAt(noon))
    expect(texts()).toEqual([])
    wait(1)
    watch.observe({ ...live, since: Date.now() }, heardAt(Date.now()))
    wait(10)
    expect(texts()).toEqual([])
  })

  it('names the source that cannot be reached, and why', () => {
    const { watch, texts } = start()
    watch.observe(live, heardAt(noon, { reachable: false, heardAt: new Date(noon - 30_000).toISOString(), message: 'connection refused' }))
    wait(3)
    expect(texts()).toEqual([
      `Cluster local cannot be heard since ${clock(noon - 30_000)}: connection refused. What is shown of it is the last that was known.`,
    ])
    expect(watch.doubts()[0]?.everything).toBe(false)
  })

  it('tries nothing again that has ended', () => {
    const { watch, texts } = start()
    watch.observe({ phase: 'refused', since: noon, reason: 'You have no role in acme.' }, null)
    wait(3)
    expect(texts()[0]).toContain('Nothing has been heard yet: You have no role in acme. Reload the page to try again.')
  })

  it('stays silent where nothing is known of any source', () => {
    const { watch, texts } = start()
    watch.observe(live, null)
    wait(60)
    expect(texts()).toEqual([])
  })
})
