import { useSyncExternalStore } from 'react'

/** Reads an instant of the API; Go's zero time and nonsense count as "not there". */
export function instant(text: string | undefined | null): number | undefined {
  if (!text || text.startsWith('0001-')) return undefined
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : at
}

/** A length of time in the largest unit that fits: "3 s", "12 min", "5 h", "2 d". */
export function span(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000))
  if (s < 60) return `${s} s`
  if (s < 3600) return `${Math.floor(s / 60)} min`
  if (s < 86_400) return `${Math.floor(s / 3600)} h`
  return `${Math.floor(s / 86_400)} d`
}

const day = (ms: number) => new Date(ms).toDateString()

/** A moment as a clock shows it: "12:03:10", with the day before it unless that is today. */
export function clock(at: number, today = Date.now()): string {
  const time = new Date(at).toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' })
  return day(at) === day(today) ? time : `${new Date(at).toLocaleDateString(undefined, { day: 'numeric', month: 'short' })}, ${time}`
}

/** Minutes and seconds that run: "0:07", "12:40". */
export function stopwatch(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000))
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, '0')}`
}

// One clock for the whole page: a thousand ages on it cost one timer.
let now = Date.now()
let timer: ReturnType<typeof setInterval> | null = null
const watchers = new Set<() => void>()

function watch(callback: () => void): () => void {
  watchers.add(callback)
  timer ??= setInterval(() => {
    now = Date.now()
    for (const each of watchers) each()
  }, 1000)
  return () => {
    watchers.delete(callback)
    if (watchers.size > 0 || !timer) return
    clearInterval(timer)
    timer = null
  }
}

/** The time, to the second; whoever uses it is drawn again each second. */
export function useNow(): number {
  return useSyncExternalStore(watch, () => (timer ? now : (now = Math.floor(Date.now() / 1000) * 1000)))
}
