import { Anchor, Text } from '@mantine/core'
import { IconAlertTriangle, IconExternalLink, IconFileAlert } from '@tabler/icons-react'
import type { Application } from '../../api'
import { shortSha } from '../../ui/CommitLine'
import { Few } from '../../ui/Few'
import { ToneBadge, ToneIcon, type Look } from '../../ui/Tone'
import { commitUrl } from '../activity/entry'
import classes from './Applications.module.css'
import { Section } from './Section'

type Problem = NonNullable<Application['problems']>[number]

const wrong: Look = { tone: 'bad', icon: IconFileAlert, label: 'Error' }
const doubtful: Look = { tone: 'warn', icon: IconAlertTriangle, label: 'Warning' }

const lookOf = (problem: Problem): Look => (problem.severity === 'error' ? wrong : doubtful)

/** What is wrong with the files of the newest commit. Where nothing is, it takes no place. */
export function Problems({ application: { problems, repository } }: { application: Application }) {
  const [first] = problems ?? []
  if (!problems || !first) return null
  const url = commitUrl(repository, first.commit)
  return (
    <Section title="Problems in Git">
      <Text size="sm" c="dimmed">
        Found in commit{' '}
        {url ? (
          <Anchor href={url} target="_blank" rel="noreferrer" inherit>
            <code>{shortSha(first.commit)}</code> <IconExternalLink size={14} aria-label="opens in a new tab" style={{ verticalAlign: -2 }} />
          </Anchor>
        ) : (
          <code>{shortSha(first.commit)}</code>
        )}
        , the newest of its branch. A commit that puts them right takes them away.
      </Text>
      <ul className={classes.rows}>
        <Few items={problems} most={5} what="problems">
          {(problem) => <ProblemRow key={`${problem.file} ${problem.line ?? 0} ${problem.pointer ?? ''} ${problem.message}`} problem={problem} />}
        </Few>
      </ul>
    </Section>
  )
}

function ProblemRow({ problem }: { problem: Problem }) {
  const { file, line, pointer, message } = problem
  return (
    <li className={classes.row}>
      <ToneIcon look={lookOf(problem)} />
      <Text size="sm" className="mono" style={{ overflowWrap: 'anywhere' }}>
        {file}
      </Text>
      <Text size="sm" c="dimmed" className="tabular" ta="right">
        {line ? `line ${line}` : ''}
      </Text>
      <Text size="sm" className={classes.below} style={{ overflowWrap: 'anywhere' }}>
        {pointer && <code>{setting(pointer)}</code>} {message}
      </Text>
    </li>
  )
}

/** A setting as people write it: resources.cpu for /resources/cpu. */
export function setting(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .join('.')
}

/** The mark of a card whose files have problems. */
export function ProblemsMark({ application: { problems } }: { application: Application }) {
  const [first] = problems ?? []
  if (!problems || !first) return null
  const label = problems.length === 1 ? '1 problem in Git' : `${problems.length} problems in Git`
  return (
    <span className={classes.wide}>
      <ToneBadge look={{ ...lookOf(first), label }} title={`${first.file}: ${first.message}`} />
    </span>
  )
}
