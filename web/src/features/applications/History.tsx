import { Anchor, Text } from '@mantine/core'
import { IconExternalLink, IconGitCommit } from '@tabler/icons-react'
import type { Application } from '../../api'
import { Ago } from '../../ui/Ago'
import { shortSha } from '../../ui/CommitLine'
import { ButtonLink } from '../../ui/links'
import { commitUrl } from '../activity/entry'
import classes from './Applications.module.css'
import { Nothing, Section } from './Section'

/** The last commits of the Environment's branch, and the way back to each. */
export function History({ org, application, writable }: { org: string; application: Application; writable: boolean }) {
  const { changes, desired, applied, repository, name: app, environment: env = '', branch } = application
  const commits = changes ?? []
  const head = desired?.sha ?? commits[0]?.sha
  return (
    <Section title="History">
      <Nothing>
        {commits.length === 0 ? 'No commit has been seen yet.' : `The last commits of the branch ${branch}, newest first. Rolling back is a new commit; nothing of the history is lost.`}
      </Nothing>
      <ol className={classes.rows} style={{ marginTop: 6 }}>
        {commits.map((commit) => {
          const url = commitUrl(repository, commit.sha)
          const sha = <code title={commit.sha}>{shortSha(commit.sha)}</code>
          return (
            <li key={commit.sha} className={classes.row}>
              <IconGitCommit size={20} stroke={1.6} color="var(--mantine-color-dimmed)" aria-hidden />
              <div>
                <Text size="sm">{commit.message?.split('\n')[0] || 'No message'}</Text>
                <Text size="xs" c="dimmed">
                  {url ? (
                    <Anchor href={url} target="_blank" rel="noreferrer" inherit>
                      {sha} <IconExternalLink size={12} aria-label="opens in a new tab" style={{ verticalAlign: -1 }} />
                    </Anchor>
                  ) : (
                    sha
                  )}{' '}
                  {commit.author && `· ${commit.author} `}· <Ago at={commit.at} never="at an unknown time" />
                  {commit.sha === applied?.sha && ' · runs'}
                </Text>
              </div>
              {commit.sha === head ? (
                <Text size="xs" c="dimmed">
                  newest
                </Text>
              ) : (
                writable && (
                  <ButtonLink
                    to="/organizations/$org/environments/$env/applications/$app/change"
                    params={{ org, env, app }}
                    search={{ action: 'rollback', commit: commit.sha }}
                    variant="default"
                    size="xs"
                    aria-label={`Roll back to ${shortSha(commit.sha)}`}
                  >
                    Roll back
                  </ButtonLink>
                )
              )}
            </li>
          )
        })}
      </ol>
    </Section>
  )
}
