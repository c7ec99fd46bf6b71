import { Button } from '@mantine/core'
import { useState, type ReactNode } from 'react'

interface Props<T> {
  items: T[]
  /** How many are shown before somebody asks for all. */
  most: number
  /** What they are, in the plural: "pods". */
  what: string
  children: (item: T) => ReactNode
}

/** The first of many, and the rest on demand. The children are what a list holds. */
export function Few<T>({ items, most, what, children }: Props<T>) {
  const [all, setAll] = useState(false)
  // One more than fits is shown rather than counted.
  const short = items.length > most + 1
  return (
    <>
      {(short && !all ? items.slice(0, most) : items).map(children)}
      {short && (
        <li>
          <Button variant="subtle" size="compact-sm" onClick={() => setAll(!all)} aria-expanded={all}>
            {all ? 'Show fewer' : `Show all ${items.length} ${what}`}
          </Button>
        </li>
      )}
    </>
  )
}
