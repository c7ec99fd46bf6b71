import { Alert, Anchor, Text, Title } from '@mantine/core'
import { IconExternalLink, IconGitCommit } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import type { Application, Commit, Operation } from '../../api'
import { Ago, Elapsed } from '../../ui/Ago'
import { CommitLine, shortSha } from '../../ui/CommitLine'
import { healthLook, lookOf, phaseLook } from '../../ui/looks'
import { instant } from '../../ui/time'
import { ToneBadge, ToneIcon } from '../../ui/Tone'
import classes from './Applications.module.css'
import { OperationCard } from './OperationCard'

export function Overview({ application, operation }: { application: Application; operation?: Operation }) {
  return (
    <div className={classes.columns}>
      <div className={classes.stack}>
        <Phase application={application} />
        <Workloads application={application} />
        <Changes application={application} />
      </div>
      <div className={classes.stack}>
        {operation && <OperationCard operation={operation} />}
        <Endpoints application={application} />
        <Parts application={application} />
      </div>
    </div>
  )
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  const id = title.toLowerCase().replaceAll(/\W+/g, '-')
  return (
    <section className={`surface ${classes.section}`} aria-labelledby={id}>
      <Title order={2} id={id} mb={6}>
        {title}
      </Title>
      {children}
    </section>
  )
}

function Phase({ application: { phase, message, since, observedAt, desired, applied } }: { application: Application }) {
  const behind = desired && applied && desired.sha !== applied.sha
  return (
    <section className={`surface ${classes.section}`} aria-label="Phase" aria-live="polite">
      <div style={{ display: 'flex', gap: 10, alignItems: 'center', flexWrap: 'wrap' }}>
        <ToneBadge look={lookOf(phaseLook, phase)} />
        <Text size="sm" c="dimmed" component="span">
          {instant(since) !== undefined && (
            <>
              for <Elapsed from={since} /> ·{' '}
            </>
          )}
          <Ago at={observedAt} prefix="observed" />
        </Text>
      </div>
      <Text mt={8} style={{ overflowWrap: 'anywhere' }}>
        {message}
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
      {workloads.length === 0 && (
        <Text size="sm" c="dimmed">
          None observed yet. They appear when the cluster has made them.
        </Text>
      )}
      <ul className={classes.rows}>
        {workloads.map((each) => (
          <li key={`${each.kind}/${each.name}`} className={classes.row}>
            <ToneIcon look={lookOf(healthLook, each.health)} />
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
      {endpoints.length === 0 && (
        <Text size="sm" c="dimmed">
          It has no address to open.
        </Text>
      )}
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
      {parts.length === 0 && (
        <Text size="sm" c="dimmed">
          None observed yet.
        </Text>
      )}
      <ul className={classes.rows}>
        {parts.map((each) => (
          <li key={`${each.kind}/${each.name}`} className={classes.row}>
            <ToneIcon look={lookOf(healthLook, each.health)} />
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
      {changes.length === 0 && (
        <Text size="sm" c="dimmed">
          No commit has been seen yet.
        </Text>
      )}
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
            <Text size="xs" fw={560} c={mark(commit) === 'runs' ? 'var(--ok-fg)' : 'dimmed'}>
              {mark(commit)}
            </Text>
          </li>
        ))}
      </ol>
    </Section>
  )
}
