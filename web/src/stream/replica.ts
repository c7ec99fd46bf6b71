import type { Frame } from '../api'

/** One event of the stream, as it came over the wire. */
export interface StreamEvent {
  event: string
  data: string
}

/** What an event means to those who watch. */
export type Output =
  | { type: 'snapshot'; frames: Frame[] }
  | { type: 'change'; frame: Frame }
  | { type: 'synced' }
  | { type: 'resync'; reason: string }

/**
 * Replica is our copy of what the stream says. A snapshot is gathered aside and replaces the copy as a whole at its
 * `synced`, so that nobody sees half of one and what the snapshot no longer holds is gone. A stream that is resumed
 * has no snapshot: its changes apply to the copy at once.
 */
export class Replica {
  private objects = new Map<string, Frame>()
  private gathering: Map<string, Frame> | null = new Map()

  /** True once a whole snapshot has been seen and none is under way: only then may a stream be resumed. */
  get complete(): boolean {
    return this.gathering === null
  }

  get frames(): Frame[] {
    return [...this.objects.values()]
  }

  /** Expects a snapshot next: the connection is a new one that resumes nothing. */
  restart(): void {
    this.gathering = new Map()
  }

  apply({ event, data }: StreamEvent): Output | null {
    switch (event) {
      case 'put':
      case 'delete':
        return this.change(event, JSON.parse(data) as Frame)
      case 'resync':
        this.restart()
        return { type: 'resync', reason: reasonOf(data) }
      case 'synced':
        return this.synced()
      default:
        return null // an event that a newer server sends and this console does not know
    }
  }

  private change(event: 'put' | 'delete', sent: Frame): Output | null {
    const frame: Frame = event === 'delete' ? { ...sent, object: null } : sent
    const target = this.gathering ?? this.objects
    if (frame.object === null) target.delete(frame.key)
    else target.set(frame.key, frame)
    return this.gathering ? null : { type: 'change', frame }
  }

  private synced(): Output {
    if (!this.gathering) return { type: 'synced' }
    this.objects = this.gathering
    this.gathering = null
    return { type: 'snapshot', frames: this.frames }
  }
}

function reasonOf(data: string): string {
  try {
    const parsed = JSON.parse(data) as { reason?: string }
    return parsed.reason ?? ''
  } catch {
    return ''
  }
}
