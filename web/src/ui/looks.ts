import {
  IconAlertTriangle,
  IconCircleCheck,
  IconCircleDashed,
  IconCircleMinus,
  IconClockPause,
  IconHelpCircle,
  IconLoader2,
  IconPlayerPause,
  IconProgressDown,
  IconRefresh,
  IconTrash,
  IconXboxX,
} from '@tabler/icons-react'
import type { ComponentState, Health, OperationState, Phase, Pod, StepState } from '../api'
import type { Look } from './Tone'

export const phaseLook: Record<Phase, Look> = {
  Installing: { tone: 'busy', icon: IconProgressDown, label: 'Installing' },
  Running: { tone: 'ok', icon: IconCircleCheck, label: 'Running' },
  Updating: { tone: 'busy', icon: IconRefresh, label: 'Updating' },
  Degraded: { tone: 'warn', icon: IconAlertTriangle, label: 'Degraded' },
  Failed: { tone: 'bad', icon: IconXboxX, label: 'Failed' },
  Paused: { tone: 'idle', icon: IconPlayerPause, label: 'Paused' },
  Removing: { tone: 'idle', icon: IconTrash, label: 'Removing' },
  Unknown: { tone: 'idle', icon: IconHelpCircle, label: 'Unknown' },
}

export const healthLook: Record<Health, Look> = {
  Current: { tone: 'ok', icon: IconCircleCheck, label: 'Healthy' },
  InProgress: { tone: 'busy', icon: IconLoader2, label: 'In progress', turning: true },
  Failed: { tone: 'bad', icon: IconXboxX, label: 'Failed' },
  Terminating: { tone: 'idle', icon: IconTrash, label: 'Terminating' },
  Unknown: { tone: 'idle', icon: IconHelpCircle, label: 'Unknown' },
}

export const operationLook: Record<OperationState, Look> = {
  Pending: { tone: 'idle', icon: IconCircleDashed, label: 'Pending' },
  Running: { tone: 'busy', icon: IconLoader2, label: 'Running', turning: true },
  Waiting: { tone: 'warn', icon: IconClockPause, label: 'Waiting, tried again' },
  Succeeded: { tone: 'ok', icon: IconCircleCheck, label: 'Done' },
  Failed: { tone: 'bad', icon: IconXboxX, label: 'Failed' },
  Cancelled: { tone: 'idle', icon: IconCircleMinus, label: 'Cancelled' },
}

export const stepLook: Record<StepState, Look> = {
  pending: { tone: 'idle', icon: IconCircleDashed, label: 'Not started yet' },
  running: { tone: 'busy', icon: IconLoader2, label: 'Running', turning: true },
  done: { tone: 'ok', icon: IconCircleCheck, label: 'Done' },
  failed: { tone: 'bad', icon: IconXboxX, label: 'Failed' },
}

export const componentLook: Record<ComponentState, Look> = {
  building: { tone: 'busy', icon: IconLoader2, label: 'Building', turning: true },
  starting: { tone: 'busy', icon: IconLoader2, label: 'Starting', turning: true },
  running: { tone: 'ok', icon: IconCircleCheck, label: 'Running' },
  waiting: { tone: 'idle', icon: IconCircleDashed, label: 'Waiting' },
  stopped: { tone: 'idle', icon: IconPlayerPause, label: 'Stopped' },
  failed: { tone: 'bad', icon: IconXboxX, label: 'Failed' },
}

const unknown: Look = { tone: 'idle', icon: IconHelpCircle, label: 'Unknown' }

/** The look of what was known last: never green, and it says so. */
export function lastKnown(look: Look): Look {
  return { tone: 'idle', icon: look.icon, label: `${look.label} when last heard` }
}

// Why a pod does not run yet, as opposed to why it cannot.
const underWay = new Set(['', 'ContainerCreating', 'PodInitializing', 'Scheduled'])

export function podLook({ phase, ready, reason = '' }: Pod): Look {
  if (ready) return { tone: 'ok', icon: IconCircleCheck, label: 'Ready' }
  if (phase === 'Succeeded') return { tone: 'idle', icon: IconCircleCheck, label: 'Done' }
  if (phase === 'Failed' || !underWay.has(reason)) return { tone: 'bad', icon: IconXboxX, label: 'In trouble' }
  if (phase === 'Pending') return { tone: 'busy', icon: IconCircleDashed, label: 'Pending' }
  if (phase === 'Running') return { tone: 'warn', icon: IconAlertTriangle, label: 'Not ready' }
  return unknown
}

/** Looks a state up; a word that a newer server sends is shown as it is. */
export function lookOf<K extends string>(looks: Record<K, Look>, state: K): Look {
  return looks[state] ?? { ...unknown, label: state || unknown.label }
}
