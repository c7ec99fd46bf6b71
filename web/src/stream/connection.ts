import { Problem, problemOf, unreachable } from '../api/problem'
import { Parser, type ServerEvent } from './parser'

export interface Connection {
  url: string
  lastEventId?: string
  signal: AbortSignal
  onOpen?: () => void
  onEvent: (event: ServerEvent) => void
  /** Called for whatever arrives, heartbeats included, with the newest id so far. */
  onActivity?: (lastId?: string) => void
}

/**
 * Reads one server-sent event stream until it ends. It resolves when the server closes it and throws a Problem when the
 * server refuses it. We do not use EventSource: it hides heartbeats, so that a connection that died while the machine
 * slept looks alive, it hides the status, so that "signed out" looks like "network down", and it cannot resume from an
 * id of ours.
 */
export async function readStream({ url, lastEventId, signal, onOpen, onEvent, onActivity }: Connection): Promise<void> {
  const headers: Record<string, string> = { Accept: 'text/event-stream' }
  if (lastEventId) headers['Last-Event-ID'] = lastEventId
  let response: Response
  try {
    response = await fetch(url, { headers, signal, credentials: 'same-origin', cache: 'no-store' })
  } catch {
    throw unreachable()
  }
  if (!response.ok) throw await problemOf(response)
  if (!response.body || !(response.headers.get('Content-Type') ?? '').includes('text/event-stream')) {
    throw new Problem({ status: 502, code: 'not_a_stream', title: 'Unexpected answer', detail: `${url} did not answer with a stream of events.` })
  }
  onOpen?.()
  const parser = new Parser(onEvent)
  const decoder = new TextDecoder()
  const reader = response.body.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      parser.feed(decoder.decode(value, { stream: true }))
      onActivity?.(parser.lastId)
    }
  } catch {
    throw unreachable()
  } finally {
    reader.cancel().catch(() => undefined)
  }
}
