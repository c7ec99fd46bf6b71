import { Accordion, Group, Text, Title } from '@mantine/core'
import { IconFileDiff, IconFilePlus, IconFileX, IconGitCommit } from '@tabler/icons-react'
import type { PlannedChange, PlannedCommit } from '../../api'
import { CodeLines } from '../../ui/Copy'
import { Diff, sizeOf } from '../../ui/Diff'
import classes from './Plan.module.css'

const plural = (n: number, one: string) => `${n} ${one}${n === 1 ? '' : 's'}`

/** What would be written to Git: repository by repository, commit by commit, file by file. */
export function Commits({ changes }: { changes: PlannedChange[] }) {
  const commits = changes.flatMap((each) => each.commits)
  const fresh = changes.filter((each) => each.create).length
  return (
    <section className="surface" aria-labelledby="plan-commits">
      <div className={classes.head}>
        <Title order={2} id="plan-commits">
          What is written to Git
        </Title>
        <Text size="sm" c="dimmed">
          {commits.length === 0
            ? 'Nothing: Git says already what you ask for.'
            : `${plural(commits.length, 'commit')} in your name${fresh > 0 ? `, ${fresh} new ${fresh === 1 ? 'repository' : 'repositories'}` : ''}.${changes.length > 1 ? ' Those that others need come first.' : ''}`}
        </Text>
      </div>
      {changes.map((change) => (
        <div key={change.repository} className={classes.rest}>
          {change.commits.map((commit) => (
            <CommitPlan key={`${commit.branches.join(' ')} ${commit.message}`} change={change} commit={commit} />
          ))}
        </div>
      ))}
    </section>
  )
}

function CommitPlan({ change, commit }: { change: PlannedChange; commit: PlannedCommit }) {
  const { files, removed, branches } = commit
  return (
    <div className={classes.group}>
      <Group gap="sm" wrap="nowrap" align="flex-start" className={classes.head}>
        <IconGitCommit size={20} aria-hidden style={{ flex: 'none', marginTop: 2 }} />
        <div style={{ minWidth: 0 }}>
          <Text fw={560} style={{ overflowWrap: 'anywhere' }}>
            {commit.message.split('\n')[0]}
          </Text>
          <Text size="sm" c="dimmed">
            <code>{change.repository}</code>
            {change.create && ', which is made'}
            {branches.length > 0 && ` · ${branches.join(', ')}`} · {plural(files.length + removed.length, 'file')}
          </Text>
        </div>
      </Group>
      <Accordion multiple variant="default" chevronPosition="right">
        {files.map(({ path, content, diff }) => (
          <Accordion.Item key={path} value={path}>
            <Accordion.Control icon={diff ? <IconFileDiff size={16} aria-hidden /> : <IconFilePlus size={16} aria-hidden />}>
              <span className={classes.item}>
                <code className={classes.path}>{path}</code>
                <Text size="xs" c="dimmed" className="tabular">
                  {diff ? sizeOf(diff) : 'new'}
                </Text>
              </span>
            </Accordion.Control>
            <Accordion.Panel>{diff ? <Diff diff={diff} label={`What changes in ${path}`} /> : <CodeLines code={content} label={path} />}</Accordion.Panel>
          </Accordion.Item>
        ))}
      </Accordion>
      {removed.map((path) => (
        <Group key={path} gap="sm" wrap="nowrap" className={`${classes.plain} ${classes.group}`}>
          <IconFileX size={16} aria-hidden style={{ flex: 'none' }} />
          <span className={classes.item} style={{ flex: 1 }}>
            <code className={classes.path}>{path}</code>
            <Text size="xs" c="var(--bad-fg)">
              deleted
            </Text>
          </span>
        </Group>
      ))}
    </div>
  )
}
