/// <reference lib="webworker" />
import { Hub, type HubMessage } from './hub'

// One worker for all tabs, so that all tabs together hold one connection: HTTP/1.1 allows six an origin.

export type ToWorker = { type: 'open'; url: string } | { type: 'wake' } | { type: 'close' }

const hubs = new Map<string, Hub>()

function open(url: string, listener: (message: HubMessage) => void): () => void {
  let hub = hubs.get(url)
  // A hub that gave up (signed out, refused) starts again for whoever asks next: they may have signed in since.
  if (!hub || hub.status.phase === 'signed-out' || hub.status.phase === 'refused') {
    hub = new Hub(url).start()
    hubs.set(url, hub)
  }
  const mine = hub
  const leave = mine.subscribe(listener)
  return () => {
    leave()
    if (mine.listenerCount > 0) return
    mine.stop()
    if (hubs.get(url) === mine) hubs.delete(url)
  }
}

function serve(port: MessagePort): void {
  let leave: (() => void) | null = null
  port.addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
    if (data.type === 'wake') {
      for (const hub of hubs.values()) hub.wake()
      return
    }
    leave?.()
    leave = data.type === 'open' ? open(data.url, (message) => port.postMessage(message)) : null
  })
  port.start()
}

;(globalThis as unknown as SharedWorkerGlobalScope).addEventListener('connect', (event) => {
  const port = event.ports[0]
  if (port) serve(port)
})
