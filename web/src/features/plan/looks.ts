import { IconArrowsJoin, IconCircleMinus, IconEqual, IconLink, IconPencil, IconPlus, IconTrash } from '@tabler/icons-react'
import type { Action, ManifestChange, PlanNode } from '../../api'
import type { Look } from '../../ui/Tone'

export const waysLook: Record<PlanNode['use'], Look> = {
  new: { tone: 'busy', icon: IconPlus, label: 'New' },
  existing: { tone: 'ok', icon: IconLink, label: 'Is there already' },
  shared: { tone: 'idle', icon: IconArrowsJoin, label: 'Shared' },
  off: { tone: 'idle', icon: IconCircleMinus, label: 'Not needed' },
}

export const changeLook: Record<ManifestChange['action'], Look> = {
  create: { tone: 'ok', icon: IconPlus, label: 'Create' },
  update: { tone: 'busy', icon: IconPencil, label: 'Update' },
  delete: { tone: 'bad', icon: IconTrash, label: 'Delete' },
  none: { tone: 'idle', icon: IconEqual, label: 'Stays' },
}

/** What a button says that has a plan carried out. */
export const verbs: Record<Action, string> = {
  install: 'Install',
  configure: 'Save',
  upgrade: 'Upgrade',
  downgrade: 'Downgrade',
  rollback: 'Roll back',
  pause: 'Pause',
  resume: 'Resume',
  uninstall: 'Uninstall',
}
