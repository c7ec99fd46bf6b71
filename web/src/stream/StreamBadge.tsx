import { Tooltip, UnstyledButton } from '@mantine/core'
import { IconBolt, IconLoader2, IconLogin2, IconPlugConnectedX } from '@tabler/icons-react'
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

/** Says whether what is shown is what is. */
export function StreamBadge() {
  const status = useStreamStatus()
  const now = useNow()
  if (!status) return null
  const look = looks[status.phase]
  const age = span(now - status.since)
  const explanation =
    status.phase === 'live'
      ? `What you see changes as it happens. Live for ${age}.`
      : `${status.reason || 'The stream of changes is not open yet.'} For ${age} now; what you see may be out of date. It is tried again by itself.`
  return (
    <Tooltip label={explanation}>
      <UnstyledButton aria-label={`${look.label}. ${explanation}`} style={{ borderRadius: 99, display: 'inline-flex' }}>
        <ToneBadge look={status.phase === 'reconnecting' ? { ...look, label: `Reconnecting, ${age}` } : look} />
      </UnstyledButton>
    </Tooltip>
  )
}
