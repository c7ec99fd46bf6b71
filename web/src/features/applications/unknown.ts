import type { Application, Phase } from '../../api'
import { clock, instant } from '../../ui/time'

/** That nobody can say what an Application does now: since when, whom we cannot hear, and what was known before. */
export interface Unknown {
  text: string
  detail: string
}

/** The phase, or Unknown where what it was learned from cannot be heard: yesterday's Running is no Running. */
export function phaseOf(application: Application): Phase {
  return instant(application.unknownSince) === undefined ? application.phase : 'Unknown'
}

const sentence = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)

export function unknownOf(application: Application, today = Date.now()): Unknown | undefined {
  if (phaseOf(application) !== 'Unknown') return undefined
  // The services write "Cluster local cannot be heard: why. Before that it was Running: ..."
  const [, source, detail] = /^(.{1,100}?) cannot be heard: (.*)$/s.exec(application.message) ?? []
  const since = instant(application.unknownSince)
  const whom = source ?? 'A source of it'
  return {
    text: `Unknown${since === undefined ? '' : ` since ${clock(since, today)}`}: ${whom} cannot be heard; this is the last that was known.`,
    detail: sentence(detail ?? application.message),
  }
}
