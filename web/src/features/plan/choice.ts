import type { Choices, Offer, PlanNode } from '../../api'

/** One way to satisfy a dependency, as the person is offered it. */
export interface Option {
  value: string
  label: string
  detail: string
  disabled: boolean
}

const existing = (application: string) => `existing/${application}`

/** Every dependency of a tree, those further up first. */
export function dependencies(tree: PlanNode | undefined): PlanNode[] {
  return (tree?.depends ?? []).flatMap((node) => [node, ...dependencies(node)])
}

/** Which of the options is taken now. */
export function taken(node: PlanNode, choices: Choices): string {
  const choice = choices[node.path]
  if (choice) return choice.use === 'new' ? 'new' : existing(choice.application ?? '')
  if (node.use === 'existing') return existing(node.application)
  return node.use === 'new' ? 'new' : 'planned'
}

function ofOffer({ application, version, phase, fits, reason }: Offer): Option {
  const facts = [version && `version ${version}`, phase].filter(Boolean).join(', ')
  return { value: existing(application), label: `Use ${application}`, detail: fits ? facts : `${facts ? `${facts}: ` : ''}${reason ?? 'it does not fit'}`, disabled: !fits }
}

/** What a person can choose from. What they chose is always among it, also where the server would not offer it. */
export function optionsOf(node: PlanNode, choices: Choices): Option[] {
  const choice = choices[node.path]
  const planned: Option | undefined = choice
    ? { value: 'planned', label: 'As it is planned without a choice', detail: 'takes your choice back', disabled: false }
    : node.use === 'shared'
      ? { value: 'planned', label: `Share ${node.application}`, detail: `with ${node.sharedWith || 'the Application itself'}`, disabled: false }
      : undefined
  const offers = node.offers.map(ofOffer)
  const now = taken(node, choices)
  const chosen = now.startsWith('existing/') ? now.slice('existing/'.length) : ''
  if (chosen && !offers.some((each) => each.value === now)) offers.unshift({ value: now, label: `Use ${chosen}`, detail: node.version ? `version ${node.version}` : '', disabled: false })
  return [...(planned ? [planned] : []), { value: 'new', label: 'Create a new one', detail: node.range && node.range !== '*' ? `version ${node.range}` : 'the newest version', disabled: false }, ...offers]
}

/** The choices after a person took an option. What hangs below a dependency that is not made new has nothing left to choose. */
export function choose(choices: Choices, path: string, option: string, name?: string): Choices {
  const beneath = `${path}/`
  const kept = Object.entries(choices).filter(([each]) => each !== path && (option === 'new' || !each.startsWith(beneath)))
  const next: Choices = Object.fromEntries(kept)
  if (option === 'new') next[path] = name ? { use: 'new', name } : { use: 'new' }
  if (option.startsWith('existing/')) next[path] = { use: 'existing', application: option.slice('existing/'.length) }
  return next
}
