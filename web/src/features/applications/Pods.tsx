import { Text } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import type { Application, Pod, Warning } from '../../api'
import { Ago } from '../../ui/Ago'
import { Few } from '../../ui/Few'
import { lastKnown, podLook } from '../../ui/looks'
import { ToneIcon } from '../../ui/Tone'
import classes from './Applications.module.css'
import { pods as count } from './group'
import { Nothing, Section } from './Section'
import { phaseOf } from './unknown'

// As many as a view holds; the services put those in trouble first.
const mostPods = 50

const restarts = (n: number) => (n === 0 ? '' : n === 1 ? '1 restart' : `${n} restarts`)

export function Pods({ application }: { application: Application }) {
  const pods = application.pods ?? []
  const old = phaseOf(application) === 'Unknown'
  const { desired } = count(application)
  return (
    <Section title="Pods">
      {pods.length === 0 && <Nothing>{desired > 0 ? 'None is known: the cluster has not made them yet, or they are too many to list.' : 'There are none. They appear when a workload wants some.'}</Nothing>}
      <ul className={classes.rows}>
        <Few items={pods} most={5} what="pods">
          {(pod) => <PodRow key={pod.name} pod={pod} old={old} />}
        </Few>
      </ul>
      {pods.length >= mostPods && <Nothing>No more than {mostPods} are listed, those in trouble first.</Nothing>}
    </Section>
  )
}

function PodRow({ pod, old }: { pod: Pod; old: boolean }) {
  const look = podLook(pod)
  const why = [pod.reason, pod.message].filter(Boolean).join(': ')
  return (
    <li className={classes.row}>
      <ToneIcon look={old ? lastKnown(look) : look} />
      <Text size="sm">{pod.name}</Text>
      <Text size="sm" c="dimmed" className="tabular" ta="right">
        {[look.label.toLowerCase(), restarts(pod.restarts)].filter(Boolean).join(', ')}
      </Text>
      {why && !pod.ready && (
        <Text size="sm" className={classes.below} c={look.tone === 'bad' && !old ? 'var(--bad-fg)' : 'dimmed'} lineClamp={2} title={why}>
          {why}
        </Text>
      )}
    </li>
  )
}

const warned = { tone: 'warn', icon: IconAlertTriangle, label: 'Warning' } as const

export function Warnings({ application }: { application: Application }) {
  const warnings = application.warnings ?? []
  return (
    <Section title="Warnings">
      {warnings.length === 0 && <Nothing>None: the cluster has not complained of it lately.</Nothing>}
      <ul className={classes.rows}>
        <Few items={warnings} most={3} what="warnings">
          {(warning) => <WarningRow key={`${warning.about} ${warning.reason} ${warning.at} ${warning.message}`} warning={warning} />}
        </Few>
      </ul>
    </Section>
  )
}

function WarningRow({ warning: { about, reason, message, count, at } }: { warning: Warning }) {
  return (
    <li className={classes.row}>
      <ToneIcon look={warned} />
      <Text size="sm" fw={560}>
        {reason}
      </Text>
      <Text size="sm" c="dimmed" className="tabular" ta="right">
        {count > 1 && <>{count} times, </>}
        <Ago at={at} never="at an unknown time" />
      </Text>
      <div className={classes.below}>
        <Text size="sm" lineClamp={3} title={message}>
          {message}
        </Text>
        <Text size="xs" c="dimmed">
          {about}
        </Text>
      </div>
    </li>
  )
}
