import { Anchor, Text } from '@mantine/core'
import { IconAlertTriangle, IconExternalLink, IconGitCommit, IconListCheck } from '@tabler/icons-react'
import type { ActivityEntry, Application } from '../../api'
import { Ago } from '../../ui/Ago'
import { shortSha } from '../../ui/CommitLine'
import { AnchorLink } from '../../ui/links'
import { lookOf } from '../../ui/looks'
import { ToneIcon, type Look } from '../../ui/Tone'
import classes from './Activity.module.css'
import { actorOf, commitUrl, repositoryOf } from './entry'

const looks: Record<ActivityEntry['type'], Look> = {
  commit: { tone: 'idle', icon: IconGitCommit, label: 'Commit' },
  operation: { tone: 'busy', icon: IconListCheck, label: 'Operation' },
  warning: { tone: 'warn', icon: IconAlertTriangle, label: 'Warning' },
}

const page = '/organizations/$org/environments/$env/applications/$app'

interface Props {
  org: string
  environment: string
  entries: ActivityEntry[]
  applications: Application[]
}

/** What happened, as the services order it: newest first. */
export function ActivityList({ org, environment, entries, applications }: Props) {
  return (
    <ol className={`surface ${classes.list}`} aria-label={`Activity in ${environment}`}>
      {entries.map((entry) => (
        <li key={`${entry.type} ${entry.application} ${entry.reference} ${entry.at} ${entry.summary}`} className={classes.entry}>
          <ToneIcon look={lookOf(looks, entry.type)} />
          <div className={classes.body}>
            <Text size="sm">{entry.summary}</Text>
            <Text size="xs" c="dimmed" component="div" className={classes.facts}>
              <AnchorLink to={page} params={{ org, env: environment, app: entry.application }} inherit>
                {entry.application}
              </AnchorLink>
              <span>{actorOf(entry)}</span>
              <Reference org={org} environment={environment} entry={entry} repository={repositoryOf(applications, entry.application)} />
            </Text>
          </div>
          <Text size="xs" c="dimmed" component="span" className={classes.when}>
            <Ago at={entry.at} never="at an unknown time" />
          </Text>
        </li>
      ))}
    </ol>
  )
}

function Reference({ org, environment, entry, repository }: { org: string; environment: string; entry: ActivityEntry; repository?: string }) {
  if (entry.type === 'operation') {
    return (
      <AnchorLink to={page} params={{ org, env: environment, app: entry.application }} search={{ operation: entry.reference }} inherit>
        Operation {entry.reference}
      </AnchorLink>
    )
  }
  if (entry.type === 'warning') return <span>{entry.reference}</span>
  const url = commitUrl(repository, entry.reference)
  const sha = <code title={entry.reference}>{shortSha(entry.reference)}</code>
  if (!url) return sha
  return (
    <Anchor href={url} target="_blank" rel="noreferrer" inherit>
      {sha} <IconExternalLink size={12} aria-label="opens in a new tab" style={{ verticalAlign: -1 }} />
    </Anchor>
  )
}
