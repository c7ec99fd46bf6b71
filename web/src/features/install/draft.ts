import { useCallback, useState } from 'react'
import type { Choices, Values } from '../../api'

/** What a person has filled in so far. It survives leaving the page and coming back, in this tab. */
export interface Draft {
  step: number
  organization?: string
  environment?: string
  /** Undefined until the person types: then a name is suggested. */
  name?: string
  size?: string
  values: Values
  /** How dependencies are satisfied, where the person wants it otherwise than planned. */
  choices: Choices
}

const empty: Draft = { step: 0, values: {}, choices: {} }
const keyOf = (blueprint: string, version: string) => `catalyst-install/${blueprint}@${version}`

function read(key: string): Draft {
  try {
    const text = sessionStorage.getItem(key)
    return text ? { ...empty, ...(JSON.parse(text) as Draft) } : empty
  } catch {
    return empty // storage is switched off, or holds what an older console wrote
  }
}

function write(key: string, draft: Draft | null): void {
  try {
    if (draft) sessionStorage.setItem(key, JSON.stringify(draft))
    else sessionStorage.removeItem(key)
  } catch {
    // Storage is full or switched off: the form works, it only does not survive leaving.
  }
}

export function useDraft(blueprint: string, version: string) {
  const key = keyOf(blueprint, version)
  const [draft, setDraft] = useState(() => read(key))

  const change = useCallback(
    (part: Partial<Draft>) =>
      setDraft((old) => {
        // Another Environment has other Applications to choose from.
        const moves = part.environment !== undefined && part.environment !== old.environment
        const next = { ...old, ...(moves ? { choices: {} } : {}), ...part }
        write(key, next)
        return next
      }),
    [key],
  )
  const forget = useCallback(() => write(key, null), [key])
  return { draft, change, forget }
}
