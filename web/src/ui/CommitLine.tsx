import { Text } from '@mantine/core'
import type { Commit } from '../api'
import { Ago } from './Ago'
import classes from './CommitLine.module.css'

export const shortSha = (sha: string) => sha.slice(0, 7)

/** One commit on one line: short SHA, what it says, who and when. */
export function CommitLine({ commit, when = true }: { commit: Commit; when?: boolean }) {
  const subject = commit.message?.split('\n')[0] ?? ''
  return (
    <Text size="sm" component="span" className={classes.line}>
      <code title={commit.sha}>{shortSha(commit.sha)}</code>
      <span className={classes.subject} title={subject}>
        {subject}
      </span>
      <Text span c="dimmed" inherit className={classes.who}>
        {commit.author}
        {when && commit.at ? (
          <>
            {commit.author ? ' · ' : ''}
            <Ago at={commit.at} />
          </>
        ) : null}
      </Text>
    </Text>
  )
}
