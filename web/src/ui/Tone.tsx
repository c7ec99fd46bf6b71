import { VisuallyHidden } from '@mantine/core'
import type { Icon } from '@tabler/icons-react'
import classes from './Tone.module.css'

/** What a state means for the person who looks: good, on its way, needs care, broken, at rest. */
export type Tone = 'ok' | 'busy' | 'warn' | 'bad' | 'idle'

/** A look is a colour and a shape and a word: none of them alone carries the meaning. */
export interface Look {
  tone: Tone
  icon: Icon
  label: string
  turning?: boolean
}

export function ToneBadge({ look, title }: { look: Look; title?: string }) {
  return (
    <span className={`${classes.badge} ${classes[look.tone]}`} title={title}>
      <look.icon size={15} stroke={2} className={look.turning ? 'turning' : undefined} aria-hidden />
      {look.label}
    </span>
  )
}

export function ToneIcon({ look, size = 20 }: { look: Look; size?: number }) {
  return (
    <span className={`${classes.icon} ${classes[look.tone]}`} title={look.label}>
      <look.icon size={size} stroke={1.9} className={look.turning ? 'turning' : undefined} aria-hidden />
      <VisuallyHidden>{look.label}</VisuallyHidden>
    </span>
  )
}
