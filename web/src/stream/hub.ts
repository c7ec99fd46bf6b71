import type { Frame } from '../api'
import { asProblem } from '../api/problem'
import { readStream, type Connection } from './connection'
import type { ServerEvent } from './parser'
import { Replica } from './replica'

export type StreamPhase = 'connecting' | 'live' | 'reconnecting' | 'signed-out' | 'refused'

export interface StreamStatus {
  phase: StreamPhase
  /** When this phase began, in milliseconds since the epoch. */
  since: number
  reason?: string
  /** When anything at all last came over the stream, if it ever did. */
  heardAt?: number
}

export type HubMessage =
  | { type: 'snapshot'; frames: Frame[] }
  | { type: 'changes'; frames: Frame[] }
  | { type: 'status'; status: StreamStatus }

export interface HubOptions {
  read?: (connection: Connection) => Promise<void>
  /** Milliseconds before the n-th attempt to reconnect. */
  backoff?: (attempt: number) => number
  /** Nothing heard for this long means that the connection is dead; the server's heartbeat is 10 s and must be missed twice. */
  silence?: number
  /** Changes are gathered for this long, so that a burst costs one update of the page. */
  tick?: number
}

const defaultBackoff = (attempt: number) => Math.min(15_000, 300 * 2 ** attempt) * (0.7 + Math.random() * 0.6)

/** Hub keeps one stream open, whatever happens to it, and tells every listener what it says. */
export class Hub {
  status: StreamStatus = { phase: 'connecting', since: Date.now() }
  private readonly replica = new Replica()
  private readonly listeners = new Set<(message: HubMessage) => void>()
  private readonly stopped = new AbortController()
  private attempt: AbortController | null = null
  private lastEventId: string | undefined
  private failures = 0
  private heardAt: number | undefined
  private pending: Frame[] = []
  private flushTimer: ReturnType<typeof setTimeout> | null = null
  private endPause: (() => void) | null = null

  constructor(
    private readonly url: string,
    private readonly options: HubOptions = {},
  ) {}

  start(): this {
    void this.run()
    return this
  }

  stop(): void {
    this.stopped.abort()
    this.attempt?.abort()
    this.endPause?.()
    if (this.flushTimer) clearTimeout(this.flushTimer)
  }

  /** Tries again now rather than when the pause is over: the network is back, or somebody looks at the page. */
  wake(): void {
    this.endPause?.()
  }

  subscribe(listener: (message: HubMessage) => void): () => void {
    this.flush()
    this.listeners.add(listener)
    listener({ type: 'status', status: this.status })
    if (this.replica.complete) listener({ type: 'snapshot', frames: this.replica.frames })
    return () => this.listeners.delete(listener)
  }

  get listenerCount(): number {
    return this.listeners.size
  }

  private async run(): Promise<void> {
    while (!this.stopped.signal.aborted) {
      const reason = await this.once()
      if (reason === null || this.stopped.signal.aborted) return
      if (this.status.phase !== 'reconnecting') this.say('reconnecting', reason)
      await this.pause((this.options.backoff ?? defaultBackoff)(this.failures++))
    }
  }

  /** Runs one connection to its end and answers why it ended, or null if there is no point in another. */
  private async once(): Promise<string | null> {
    const attempt = new AbortController()
    this.attempt = attempt
    if (!this.replica.complete) this.lastEventId = undefined
    if (!this.lastEventId) this.replica.restart()
    let since = Date.now()
    const silence = this.options.silence ?? 20_000
    const watch = setInterval(() => Date.now() - Math.max(since, this.heardAt ?? 0) > silence && attempt.abort(), silence / 5)
    try {
      await (this.options.read ?? readStream)({
        url: this.url,
        lastEventId: this.lastEventId,
        signal: attempt.signal,
        onActivity: (lastId) => {
          this.heardAt = Date.now()
          if (lastId) this.lastEventId = lastId
        },
        onEvent: (event) => this.hear(event),
        // A stream that resumes may have nothing to say for a while: it is live as soon as it is open.
        onOpen: () => {
          since = Date.now()
          if (this.replica.complete) this.say('live')
        },
      })
      return 'The server closed the stream.'
    } catch (error) {
      const problem = asProblem(error)
      if (problem.status === 401) return this.end('signed-out', problem.message)
      if (problem.status === 403 || problem.status === 404) return this.end('refused', problem.message)
      return attempt.signal.aborted ? 'The stream went silent.' : problem.message
    } finally {
      clearInterval(watch)
    }
  }

  private hear(event: ServerEvent): void {
    if (event.id) this.lastEventId = event.id
    const output = this.replica.apply(event)
    if (!output) return
    switch (output.type) {
      case 'change':
        this.pending.push(output.frame)
        this.flushTimer ??= setTimeout(() => this.flush(), this.options.tick ?? 40)
        return
      case 'snapshot':
        this.pending = []
        this.tell(output)
        this.say('live')
        return
      case 'synced':
        this.say('live')
        return
      case 'resync':
        this.say('connecting', output.reason)
    }
  }

  private flush(): void {
    if (this.flushTimer) clearTimeout(this.flushTimer)
    this.flushTimer = null
    if (this.pending.length === 0) return
    const frames = this.pending
    this.pending = []
    this.tell({ type: 'changes', frames })
  }

  private end(phase: StreamPhase, reason: string): null {
    this.say(phase, reason)
    return null
  }

  private say(phase: StreamPhase, reason?: string): void {
    if (phase === 'live') this.failures = 0
    if (this.status.phase === phase) return
    this.status = { phase, since: Date.now(), reason, heardAt: this.heardAt }
    this.tell({ type: 'status', status: this.status })
  }

  private tell(message: HubMessage): void {
    for (const listener of this.listeners) listener(message)
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer)
        this.endPause = null
        resolve()
      }
      const timer = setTimeout(end, ms)
      this.endPause = end
    })
  }
}
