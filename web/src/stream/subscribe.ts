import { Hub, type HubMessage } from './hub'
import type { ToWorker } from './worker'

type Listener = (message: HubMessage) => void

/** Subscribes this page to the stream of an Organization, through the worker that all tabs share where there is one. */
export function subscribe(organization: string, listener: Listener): () => void {
  const url = `/api/v1/stream?organization=${encodeURIComponent(organization)}`
  if (typeof SharedWorker === 'undefined') return subscribeHere(url, listener)

  const worker = new SharedWorker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'catalyst-stream' })
  const send = (message: ToWorker) => worker.port.postMessage(message)
  let instead: (() => void) | null = null
  worker.addEventListener('error', () => {
    instead ??= subscribeHere(url, listener) // the worker could not be loaded: do without
  })
  worker.port.addEventListener('message', ({ data }: MessageEvent<HubMessage>) => listener(data))
  worker.port.start()
  send({ type: 'open', url })

  const stopWaking = onReturn(() => send({ type: 'wake' }))
  const hide = () => send({ type: 'close' })
  const show = (event: PageTransitionEvent) => event.persisted && send({ type: 'open', url })
  window.addEventListener('pagehide', hide)
  window.addEventListener('pageshow', show)
  return () => {
    window.removeEventListener('pagehide', hide)
    window.removeEventListener('pageshow', show)
    stopWaking()
    instead?.()
    send({ type: 'close' })
    worker.port.close()
  }
}

function subscribeHere(url: string, listener: Listener): () => void {
  const hub = new Hub(url).start()
  const leave = hub.subscribe(listener)
  const stopWaking = onReturn(() => hub.wake())
  return () => {
    leave()
    stopWaking()
    hub.stop()
  }
}

/** Calls back when the network returns or the person looks at the page again. */
function onReturn(callback: () => void): () => void {
  const look = () => document.visibilityState === 'visible' && callback()
  window.addEventListener('online', callback)
  document.addEventListener('visibilitychange', look)
  return () => {
    window.removeEventListener('online', callback)
    document.removeEventListener('visibilitychange', look)
  }
}
