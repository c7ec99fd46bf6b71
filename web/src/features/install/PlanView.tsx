import { Accordion, Alert, Group, Stack, Text } from '@mantine/core'
import { IconAlertTriangle, IconFileText, IconGitCommit } from '@tabler/icons-react'
import type { InstallPlan, PlannedCommit } from '../../api'
import { CodeLines } from '../../ui/Copy'
import classes from './PlanView.module.css'

/** What an install would write: commit by commit, file by file. */
export function PlanView({ plan }: { plan: InstallPlan }) {
  const commits = plan.commits ?? []
  return (
    <Stack gap="md">
      {(plan.warnings ?? []).map((warning) => (
        <Alert key={warning} color="orange" variant="outline" icon={<IconAlertTriangle size={18} />}>
          {warning}
        </Alert>
      ))}
      {commits.map((commit) => (
        <CommitPlan key={`${commit.repository} ${commit.message}`} commit={commit} />
      ))}
      {commits.length === 0 && <Text c="dimmed">Nothing would be written: everything is as you ask for already.</Text>}
    </Stack>
  )
}

function CommitPlan({ commit }: { commit: PlannedCommit }) {
  const files = commit.files ?? []
  const branches = commit.branches ?? []
  return (
    <section className={`surface ${classes.commit}`} aria-label={`Commit on ${commit.repository}`}>
      <Group gap="sm" wrap="nowrap" align="flex-start" className={classes.head}>
        <IconGitCommit size={20} aria-hidden style={{ flex: 'none', marginTop: 2 }} />
        <div style={{ minWidth: 0 }}>
          <Text fw={560} style={{ overflowWrap: 'anywhere' }}>
            {commit.message.split('\n')[0]}
          </Text>
          <Text size="sm" c="dimmed">
            <code>{commit.repository}</code>
            {branches.length > 0 && ` on ${branches.join(', ')}`} · {files.length} {files.length === 1 ? 'file' : 'files'}
          </Text>
        </div>
      </Group>
      <Accordion multiple variant="default" chevronPosition="right">
        {files.map((file) => (
          <Accordion.Item key={file.path} value={file.path}>
            <Accordion.Control icon={<IconFileText size={16} aria-hidden />}>
              <code className={classes.path}>{file.path}</code>
            </Accordion.Control>
            <Accordion.Panel>
              <CodeLines code={file.content} label={file.path} />
            </Accordion.Panel>
          </Accordion.Item>
        ))}
      </Accordion>
      {(commit.removed ?? []).length > 0 && (
        <Text size="sm" className={classes.removed}>
          Deleted: {(commit.removed ?? []).join(', ')}
        </Text>
      )}
    </section>
  )
}
