import { Tooltip, UnstyledButton } from '@mantine/core'
import { IconBolt, IconEarOff, IconLoader2, IconLogin2, IconPlugConnectedX } from '@tabler/icons-react'
import { span, useNow } from '../ui/time'
import { ToneBadge, type Look } from '../ui/Tone'
import type { StreamPhase } from './hub'
import { useStreamStatus } from './StreamProvider'

const looks: Record<StreamPhase, Look> = {
  connecting: { tone: 'busy', icon: IconLoader2, label: 'Connecting', turning: true },
  live: { tone: 'ok', icon: IconBolt, label: 'Live' },
  reconnecting: { tone: 'warn', icon: IconPlugConnectedX, label: 'Reconnecting' },
  'signed-out': { tone: 'warn', icon: IconLogin2, label: 'Signed out' },
  refused: { tone: 'bad', icon: IconPlugConnectedX, label: 'Not live' },
}

// The stream is open, and those who should speak on it are silent.
const silent: Look = { tone: 'warn', icon: IconEarOff, label: 'Silent' }

/** Says whether what is shown is what is. */
export function StreamBadge({ unheard = false }: { unheard?: boolean }) {
  const status = useStreamStatus()
  const now = useNow()
  if (!status) return null
  const live = status.phase === 'live' && !unheard
  const age = span(now - status.since)
  const known = status.phase === 'live' && unheard ? silent : looks[status.phase]
  const look = status.phase === 'reconnecting' ? { ...known, label: `Reconnecting, ${age}` } : known
  const explanation = live
    ? `What you see changes as it happens. Live for ${age}.`
    : look === silent
      ? 'The stream is open, but nothing new comes from the sources; what you see is the last that was known.'
      : `${status.reason || 'The stream of changes is not open yet.'} For ${age} now; what you see may be out of date. It is tried again by itself.`
  return (
    <Tooltip label={explanation}>
      <UnstyledButton aria-label={`${look.label}. ${explanation}`} style={{ borderRadius: 99, display: 'inline-flex' }}>
        <ToneBadge look={look} />
      </UnstyledButton>
    </Tooltip>
  )
}
