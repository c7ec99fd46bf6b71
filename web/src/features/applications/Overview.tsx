import { Alert, Anchor, Text } from '@mantine/core'
import { IconExternalLink, IconGitCommit } from '@tabler/icons-react'
import type { Application, Commit, Health, Operation } from '../../api'
import { Ago, Elapsed } from '../../ui/Ago'
import { CommitLine, shortSha } from '../../ui/CommitLine'
import { healthLook, lastKnown, lookOf, phaseLook } from '../../ui/looks'
import { instant } from '../../ui/time'
import { ToneBadge, ToneIcon } from '../../ui/Tone'
import classes from './Applications.module.css'
import { OperationCard } from './OperationCard'
import { Pods, Warnings } from './Pods'
import { Problems } from './Problems'
import { Relations } from './Relations'
import { Nothing, Section } from './Section'
import { phaseOf, unknownOf } from './unknown'

export function Overview({ org, application, operation, neighbours }: { org: string; application: Application; operation?: Operation; neighbours: Application[] }) {
  return (
    <div className={classes.columns}>
      <div className={classes.stack}>
        <Phase application={application} />
        <Problems application={application} />
        <Workloads application={application} />
        <Pods application={application} />
        <Warnings application={application} />
        <Changes application={application} />
      </div>
      <div className={classes.stack}>
        {operation && <OperationCard operation={operation} repository={operation.application === application.name ? application.repository : undefined} />}
        <Endpoints application={application} />
        <Relations org={org} application={application} neighbours={neighbours} />
        <Parts application={application} />
      </div>
    </div>
  )
}

/** How a part is, or was when its source was last heard. */
const healthOf = (application: Application, health: Health) =>
  phaseOf(application) === 'Unknown' ? lastKnown(lookOf(healthLook, health)) : lookOf(healthLook, health)

function Phase({ application }: { application: Application }) {
  const { message, since, changedAt, desired, applied } = application
  const unknown = unknownOf(application)
  const behind = desired && applied && desired.sha !== applied.sha
  return (
    <section className={`surface ${classes.section}`} aria-label="Phase" aria-live="polite">
      <div style={{ display: 'flex', gap: 10, alignItems: 'center', flexWrap: 'wrap' }}>
        <ToneBadge look={lookOf(phaseLook, phaseOf(application))} />
        <Text size="sm" c="dimmed" component="span">
          {!unknown && instant(since) !== undefined && (
            <>
              for <Elapsed from={since} /> ·{' '}
            </>
          )}
          <Ago at={changedAt} prefix="changed" />
        </Text>
      </div>
      {unknown && (
        <Text mt={8} fw={560} style={{ overflowWrap: 'anywhere' }}>
          {unknown.text}
        </Text>
      )}
      <Text mt={8} style={{ overflowWrap: 'anywhere' }} c={unknown ? 'dimmed' : undefined}>
        {unknown?.detail ?? message}
      </Text>
      {applied && (
        <div style={{ marginTop: 10 }}>
          <CommitLine commit={applied} />
        </div>
      )}
      {behind && (
        <Alert mt="sm" color="iris" variant="outline" icon={<IconGitCommit size={18} />}>
          Git is ahead: <code>{shortSha(desired.sha)}</code> {desired.message?.split('\n')[0]} is not running yet.
        </Alert>
      )}
    </section>
  )
}

function Workloads({ application }: { application: Application }) {
  const workloads = application.workloads ?? []
  return (
    <Section title="Workloads">
      {workloads.length === 0 && <Nothing>None seen yet. They appear when the cluster has made them.</Nothing>}
      <ul className={classes.rows}>
        {workloads.map((each) => (
          <li key={`${each.kind}/${each.name}`} className={classes.row}>
            <ToneIcon look={healthOf(application, each.health)} />
            <div>
              <Text size="sm" fw={560} component="span">
                {each.name}{' '}
                <Text span c="dimmed" fw={400} inherit>
                  {each.kind}
                </Text>
              </Text>
              {(each.images ?? []).map((image) => (
                <Text key={image} size="xs" c="dimmed" className="mono">
                  {image}
                </Text>
              ))}
              {each.message && each.health !== 'Current' && <Text size="sm">{each.message}</Text>}
            </div>
            <Text size="sm" className="tabular" c="dimmed">
              {each.ready} of {each.desired} ready
            </Text>
          </li>
        ))}
      </ul>
    </Section>
  )
}

function Endpoints({ application }: { application: Application }) {
  const endpoints = application.endpoints ?? []
  return (
    <Section title="Endpoints">
      {endpoints.length === 0 && <Nothing>It has no address to open.</Nothing>}
      <ul className={classes.rows}>
        {endpoints.map((each) => (
          <li key={each.url} className={classes.row} style={{ gridTemplateColumns: 'minmax(0, 1fr)' }}>
            <Text size="sm" c="dimmed">
              {each.name}
              {!opens(each.url) && ', inside the cluster'}
            </Text>
            {opens(each.url) ? (
              <Anchor href={each.url} target="_blank" rel="noreferrer" size="sm">
                {each.url} <IconExternalLink size={14} aria-label="opens in a new tab" style={{ verticalAlign: -2 }} />
              </Anchor>
            ) : (
              <code style={{ fontSize: 13 }}>{each.url}</code>
            )}
          </li>
        ))}
      </ul>
    </Section>
  )
}

/** An address inside the cluster is worth knowing, but a browser outside cannot open it. */
function opens(url: string): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, hostname } = new URL(url)
  return (protocol === 'https:' || protocol === 'http:') && !/\.svc(\.cluster\.local)?$/.test(hostname)
}

function Parts({ application }: { application: Application }) {
  const parts = application.parts ?? []
  return (
    <Section title="Flux objects">
      {parts.length === 0 && <Nothing>None seen yet.</Nothing>}
      <ul className={classes.rows}>
        {parts.map((each) => (
          <li key={`${each.kind}/${each.name}`} className={classes.row}>
            <ToneIcon look={healthOf(application, each.health)} />
            <div style={{ gridColumn: '2 / -1' }}>
              <Text size="sm" component="span">
                {each.kind}{' '}
                <Text span c="dimmed" inherit>
                  {each.name}
                </Text>
              </Text>
              {each.revision && (
                <Text size="xs" c="dimmed" className="mono" truncate title={each.revision}>
                  {each.revision}
                </Text>
              )}
              {each.message && each.health !== 'Current' && (
                <Text size="sm" c={each.health === 'Failed' ? 'var(--bad-fg)' : undefined}>
                  {each.message}
                </Text>
              )}
            </div>
          </li>
        ))}
      </ul>
    </Section>
  )
}

function Changes({ application }: { application: Application }) {
  const changes = application.changes ?? []
  const mark = (commit: Commit) => (commit.sha === application.applied?.sha ? 'runs' : commit.sha === application.desired?.sha ? 'next' : '')
  return (
    <Section title="Changes">
      {changes.length === 0 && <Nothing>No commit has been seen yet.</Nothing>}
      <ol className={classes.rows}>
        {changes.map((commit) => (
          <li key={commit.sha} className={classes.row}>
            <IconGitCommit size={20} stroke={1.6} color="var(--mantine-color-dimmed)" aria-hidden />
            <div>
              <Text size="sm">{commit.message?.split('\n')[0] || 'No message'}</Text>
              <Text size="xs" c="dimmed">
                <code title={commit.sha}>{shortSha(commit.sha)}</code> {commit.author && `· ${commit.author} `}· <Ago at={commit.at} never="at an unknown time" />
              </Text>
            </div>
            <Text size="xs" fw={560} c={mark(commit) === 'runs' && phaseOf(application) !== 'Unknown' ? 'var(--ok-fg)' : 'dimmed'}>
              {mark(commit)}
            </Text>
          </li>
        ))}
      </ol>
    </Section>
  )
}
