import { useCallback, useState } from 'react'
import type { Values } from '../../api'

/** What a person has filled in so far. It survives leaving the page and coming back, in this tab. */
export interface Draft {
  step: number
  organization?: string
  environment?: string
  /** Undefined until the person types: then a name is suggested. */
  name?: string
  values: Values
  /** Made when the request is first sent and kept until it changes, so that sending twice installs once. */
  idempotencyKey?: string
}

const empty: Draft = { step: 0, values: {} }
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
        const asksElse = ['organization', 'environment', 'name', 'values'].some((field) => field in part)
        const next = { ...old, ...(asksElse ? { idempotencyKey: undefined } : {}), ...part }
        write(key, next)
        return next
      }),
    [key],
  )
  const forget = useCallback(() => write(key, null), [key])
  return { draft, change, forget }
}

/** A random key; crypto.randomUUID is only there on https and localhost. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
