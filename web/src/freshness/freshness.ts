import type { Sovereign, Source } from '../api'
import type { StreamStatus } from '../stream/hub'
import { clock, instant } from '../ui/time'

// What makes the console doubt that what it shows is what is. All of it is pure; useFreshness gives it time and data.

/** Nothing heard for this long is an outage. Sources are heard every five seconds. */
export const patience = 20_000

/** What is over sooner than this is not worth a banner. */
export const blink = 3_000

/** The newest sign of life of any source: by its own clock, and when it reached us by ours. */
export interface Heard {
  newest: number
  at: number
}

export function newestHeard(sovereign: Sovereign | null | undefined): number | undefined {
  const all = (sovereign?.sources ?? []).map((source) => instant(source.heardAt)).filter((at) => at !== undefined)
  return all.length > 0 ? Math.max(...all) : undefined
}

/**
 * Takes note of a sign of life. What arrives as we watch is new, whatever any clock says. How old the first one is can
 * only be told by the clock of the Sovereign.
 */
export function hear(before: Heard | undefined, newest: number | undefined, now: number, serverNow: number): Heard | undefined {
  if (newest === undefined || (before && newest <= before.newest)) return before
  return { newest, at: before ? now : now - Math.max(0, serverNow - newest) }
}

/** When the silence becomes one to doubt, so that with a blink more it has lasted as long as we are patient. */
export function silentFrom(heard: Heard | undefined, status: StreamStatus | null): number | undefined {
  if (!heard) return undefined
  // A stream that has just come back may still be telling what was missed.
  const back = status?.phase === 'live' ? status.since + blink : 0
  return Math.max(heard.at + patience - blink, back)
}

export interface Doubt {
  /** The same for as long as it is the same doubt. */
  key: string
  /** True if it is about everything on the page, not about one source. */
  everything: boolean
  text: string
}

/** As people call it: the forge is where Git is, any other source is a cluster. */
export const sourceName = (name: string) => (name === 'forge' ? 'Git' : `Cluster ${name}`)

const sentence = (text: string | undefined) => (text ? (/[.!?…]$/.test(text) ? text : `${text}.`) : '')

const lastKnown = 'What you see is the last that was known.'

export function doubts(status: StreamStatus | null, sovereign: Sovereign | null | undefined, heard: Heard | undefined, silent: boolean): Doubt[] {
  const unheard = cut(status) ?? (silent ? silence(heard) : undefined)
  const sources = (sovereign?.sources ?? []).filter((source) => !source.reachable).map(unreachable)
  return unheard ? [{ key: 'unheard', everything: true, text: unheard }, ...sources] : sources
}

function cut(status: StreamStatus | null): string | undefined {
  if (!status || status.phase === 'live' || status.phase === 'connecting') return undefined
  const since = status.heardAt ? `Nothing has been heard since ${clock(status.heardAt)}:` : 'Nothing has been heard yet:'
  const then = { reconnecting: 'Trying again.', 'signed-out': 'Sign in again to see what changes.', refused: 'Reload the page to try again.' }
  return [since, sentence(status.reason) || 'the stream of changes is cut.', then[status.phase], lastKnown].join(' ')
}

function silence(heard: Heard | undefined): string {
  const since = heard ? ` since ${clock(heard.at)}` : ''
  return `Nothing has been heard${since}: no source of this Sovereign gives a sign of life. Trying again. ${lastKnown}`
}

function unreachable(source: Source): Doubt {
  const at = instant(source.heardAt)
  const why = sentence(source.message)
  const text = `${sourceName(source.name)} cannot be heard${at === undefined ? '' : ` since ${clock(at)}`}${why ? `: ${why}` : '.'} What is shown of it is the last that was known.`
  return { key: `source ${source.name}`, everything: false, text }
}
