import { Button, Group, Skeleton, Stack, Text } from '@mantine/core'
import { useEffect, useRef, type ReactNode } from 'react'
import { asProblem, serverNow, type Choices, type InstallPlan } from '../../api'
import { clock, useNow } from '../../ui/time'
import { dependencies } from './choice'
import { remaining, running, until } from './expiry'
import { Loose } from './Loose'
import { verbs } from './looks'
import classes from './Plan.module.css'
import { PlanView } from './PlanView'
import { placesOf } from './places'
import { Expired, Refusal } from './Refusal'
import type { Planning } from './usePlan'

interface Props {
  org: string
  env: string
  planning: Planning
  /** What the button says; by what the plan does if absent. */
  verb?: string
  danger?: boolean
  /** False until the person has confirmed. */
  ready?: boolean
  choices?: Choices
  choose?: (choices: Choices) => void
  /** Planning again, where the page has more to read anew than the plan. */
  again?: () => void
  /** What this page has for problems of its fields: a form, a link to it. */
  mend?: ReactNode
  /** The other buttons. */
  back: ReactNode
  /** What must be done before the button: typing a name. */
  children?: ReactNode
}

const none: Choices = {}

/** A plan, before anything is done: what it would do, until when it holds, and the button. */
export function PlanStep({ org, env, planning, verb, danger, ready = true, choices = none, choose, again = planning.again, mend, back, children }: Props) {
  const { plan, current, refused, failed, carryingOut } = planning
  const left = useLeft(plan)
  const known = dependencies(plan?.tree).map((node) => node.path)
  const wrong = refused ?? failed
  const problem = wrong ? asProblem(wrong) : null
  const places = placesOf(problem, known)
  const loose = Object.entries(places.dependencies).filter(([path]) => !known.includes(path))
  const word = verb ?? (plan ? verbs[plan.action] : 'Go on')
  // What stands at a dependency need not be said again.
  const placed = problem !== null && Object.keys(places.dependencies).length > 0 && places.rest.length === 0 && problem.code === 'dependencies_unresolved'
  const start = useRef<HTMLDivElement>(null)
  // The button that led here is gone; whoever uses the keyboard goes on from the plan.
  useEffect(() => {
    if (document.activeElement === document.body) start.current?.focus({ preventScroll: true })
  }, [])
  return (
    <Stack gap="lg" ref={start} tabIndex={-1} style={{ outline: 'none' }}>
      {!plan && planning.planning && <Drafting />}
      {loose.map(([path, messages]) => (
        <Loose key={path} org={org} env={env} path={path} messages={messages} choices={choices} choose={choose} />
      ))}
      {plan && <PlanView org={org} plan={plan} current={current} choices={choices} problems={places.dependencies} choose={carryingOut ? undefined : choose} />}
      {problem && !placed && <Refusal org={org} env={env} problem={problem} title={failed ? 'Nothing was done' : 'It cannot be planned like this'} again={again} />}
      {problem && mend}
      {!problem && left === 0 && <Expired again={again} />}
      {children}
      <div className={classes.bar}>
        <Group gap="sm">
          <Button color={danger ? 'red.9' : undefined} onClick={planning.carryOut} loading={carryingOut} disabled={!current || !ready || left === 0 || failed !== null}>
            {word}
          </Button>
          {back}
          <Text size="sm" c="dimmed" component="output" style={{ flex: '1 1 220px' }}>
            <Standing planning={planning} left={left} placed={placed} ready={ready} />
          </Text>
        </Group>
      </div>
    </Stack>
  )
}

/** How long the plan holds, to the second. */
function useLeft(plan: InstallPlan | undefined): number {
  useNow()
  return plan ? remaining(plan.expiresAt, serverNow()) : Number.POSITIVE_INFINITY
}

function Standing({ planning, left, placed, ready }: { planning: Planning; left: number; placed: boolean; ready: boolean }) {
  const { plan, planning: busy, current, plannedAt, failed } = planning
  if (busy) return plan ? 'Planning again …' : 'Planning …'
  if (placed) return 'Choose another way for what is marked above.'
  if (!plan || !current || failed || left === 0) return null
  if (!ready) return 'Nothing has been written yet. Type the name at the end of the page to confirm.'
  const hint = plan.changes.length === 0 ? 'There is nothing to write.' : 'Nothing has been written yet.'
  if (running(left)) return `${hint} This plan expires ${until(plan.expiresAt, serverNow())}.`
  return `${hint} Planned at ${clock(plannedAt).slice(0, 5)}${Number.isFinite(left) ? `, good until ${clock(Date.parse(plan.expiresAt)).slice(0, 5)}` : ''}.`
}

function Drafting() {
  return (
    <Stack gap="md" aria-hidden>
      <Skeleton height={150} radius="lg" />
      <Skeleton height={220} radius="lg" />
    </Stack>
  )
}
