import type { Operation, Step } from '../../api'

const actions: Record<Operation['action'], string> = {
  install: 'Install',
  configure: 'Change of settings',
  upgrade: 'Upgrade',
  downgrade: 'Downgrade',
  rollback: 'Rollback',
  pause: 'Pause',
  resume: 'Resume',
  uninstall: 'Uninstall',
}

/** "create-repository" as people write it. */
export function stepTitle(name: string): string {
  const words = name.replaceAll(/[-_]+/g, ' ').trim()
  return words.charAt(0).toUpperCase() + words.slice(1)
}

export const actionTitle = ({ action }: Operation) => actions[action] ?? stepTitle(action)

export interface StepsOf {
  /** Empty where the steps do not say. */
  application: string
  steps: Step[]
}

/** The steps by the Application that they work on, in the order in which these come first. */
export function byApplication(steps: Step[]): StepsOf[] {
  const groups = new Map<string, Step[]>()
  for (const step of steps) {
    const application = step.application ?? ''
    groups.set(application, [...(groups.get(application) ?? []), step])
  }
  return [...groups].map(([application, each]) => ({ application, steps: each }))
}

/** May it be tried again? */
export const retryable = ({ state }: Operation) => state === 'Failed' || state === 'Cancelled'
