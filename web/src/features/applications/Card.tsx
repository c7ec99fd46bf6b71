import { Text, Title } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import type { Application } from '../../api'
import { Ago } from '../../ui/Ago'
import { BlueprintIcon } from '../../ui/BlueprintIcon'
import { CommitLine } from '../../ui/CommitLine'
import { lookOf, operationLook, phaseLook } from '../../ui/looks'
import { ToneBadge } from '../../ui/Tone'
import classes from './Applications.module.css'
import { pods, type Arrival, type Group } from './group'
import { ProblemsMark } from './Problems'
import { phaseOf, unknownOf } from './unknown'

const page = '/organizations/$org/environments/$env/applications/$app'

/** One Application, with a line for each Environment that it is in. */
export function ApplicationCard({ org, group, icon }: { org: string; group: Group; icon?: string }) {
  const blueprint = group.entries[0]?.blueprint.name ?? ''
  return (
    <article className={`surface ${classes.card}`} aria-label={group.name}>
      <div className={classes.cardHead}>
        <BlueprintIcon icon={icon} name={blueprint || group.name} size={36} />
        <div style={{ minWidth: 0 }}>
          <Title order={2} size="h3" style={{ overflowWrap: 'anywhere' }}>
            {group.name}
          </Title>
          <Text size="sm" c="dimmed" truncate>
            {blueprint}
          </Text>
        </div>
      </div>
      {group.entries.map((entry) => (
        <Entry key={entry.environment} org={org} entry={entry} />
      ))}
    </article>
  )
}

function Entry({ org, entry }: { org: string; entry: Application }) {
  const { ready, desired } = pods(entry)
  const commit = entry.applied ?? entry.desired
  const unknown = unknownOf(entry)
  const words = unknown?.text ?? (entry.phase === 'Running' ? '' : entry.message)
  return (
    <Link to={page} params={{ org, env: entry.environment ?? '', app: entry.name }} className={classes.entry}>
      <Text fw={560} size="sm" component="span">
        {entry.environment}
        <Text span c="dimmed" fw={400} inherit className="tabular">
          {'  '}
          {entry.blueprint.version}
        </Text>
      </Text>
      <ToneBadge look={lookOf(phaseLook, phaseOf(entry))} title={entry.message} />
      <ProblemsMark application={entry} />
      {words && (
        <Text size="sm" className={classes.wide} lineClamp={unknown ? 3 : 2}>
          {words}
        </Text>
      )}
      <div className={classes.wide}>{commit ? <CommitLine commit={commit} when={false} /> : null}</div>
      <Text size="sm" c="dimmed" component="span" className="tabular">
        {desired > 0 ? `${ready} of ${desired} pods ${unknown ? 'were ready' : 'ready'}` : 'no pods yet'}
      </Text>
      <Text size="sm" c="dimmed" component="span">
        <Ago at={entry.changedAt} prefix="changed" />
      </Text>
    </Link>
  )
}

/** An install that nothing of is observed yet. */
export function ArrivingCard({ org, arrival: { application, operation } }: { org: string; arrival: Arrival }) {
  return (
    <article className={`surface ${classes.card}`} aria-label={application}>
      <div className={classes.cardHead}>
        <BlueprintIcon name={application} size={36} />
        <Title order={2} size="h3" style={{ overflowWrap: 'anywhere' }}>
          {application}
        </Title>
      </div>
      <Link to={page} params={{ org, env: operation.environment ?? '', app: application }} className={classes.entry}>
        <Text fw={560} size="sm">
          {operation.environment}
        </Text>
        <ToneBadge look={lookOf(operationLook, operation.state)} />
        <Text size="sm" className={classes.wide}>
          {operation.message || 'The install has been accepted.'}
        </Text>
      </Link>
    </article>
  )
}
