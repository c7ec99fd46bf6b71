import { serverNow, type Sovereign } from '../api'
import type { StreamStatus } from '../stream/hub'
import { blink, doubts, hear, newestHeard, silentFrom, type Doubt, type Heard } from './freshness'

const text = (doubts: Doubt[]) => doubts.map((doubt) => doubt.text).join('\n')

/** FreshnessWatch says what makes us doubt what is shown now, and leaves out what may be over in a blink. */
export class FreshnessWatch {
  private shown: Doubt[] = []
  private status: StreamStatus | null = null
  private sovereign: Sovereign | null | undefined
  private heard: Heard | undefined
  private readonly since = new Map<string, number>()
  private readonly listeners = new Set<() => void>()
  private timer: ReturnType<typeof setTimeout> | undefined

  readonly doubts = (): Doubt[] => this.shown

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Takes in what is known now: how the stream is, and what came over it last. */
  observe(status: StreamStatus | null, sovereign: Sovereign | null | undefined): void {
    this.status = status
    this.sovereign = sovereign
    this.heard = hear(this.heard, newestHeard(sovereign), Date.now(), serverNow())
    this.look()
  }

  stop(): void {
    clearTimeout(this.timer)
  }

  private look(): void {
    clearTimeout(this.timer)
    const now = Date.now()
    const from = silentFrom(this.heard, this.status)
    const silent = from !== undefined && now >= from
    const found = doubts(this.status, this.sovereign, this.heard, silent)
    const present = new Set(found.map((doubt) => doubt.key))
    for (const key of this.since.keys()) if (!present.has(key)) this.since.delete(key)
    for (const key of present) if (!this.since.has(key)) this.since.set(key, now)

    const due = [...this.since.values()].map((since) => since + blink).filter((at) => at > now)
    if (from !== undefined && !silent) due.push(from)
    if (due.length > 0) this.timer = setTimeout(() => this.look(), Math.min(...due) - now)
    this.show(found.filter((doubt) => now - (this.since.get(doubt.key) ?? now) >= blink))
  }

  private show(doubts: Doubt[]): void {
    if (text(doubts) === text(this.shown)) return
    this.shown = doubts
    for (const listener of this.listeners) listener()
  }
}
