import { Group, Text, Title } from '@mantine/core'
import type { Application } from '../../api'
import { CodeLines, Copy } from '../../ui/Copy'
import classes from './Applications.module.css'

/** The same change by hand: what the form does is a commit, and so is this. */
export function GitTab({ application: { repository, branch, name, environment = '' } }: { application: Application }) {
  const envType = environment.slice(environment.lastIndexOf('-') + 1)
  const commands = [`git clone --branch ${branch} ${repository} && cd ${name}`, `$EDITOR overlays/${envType}/`, `git commit -am "what and why" && git push`].join('\n')
  return (
    <section className={`surface ${classes.section}`}>
      <Title order={2}>The repository</Title>
      <Text c="dimmed" size="sm">
        This Application is this repository. {environment} runs its branch <code>{branch}</code>.
      </Text>
      <Group gap={6} mt="sm" wrap="nowrap">
        <code style={{ overflowWrap: 'anywhere', minWidth: 0 }}>{repository}</code>
        <Copy value={repository} label="Copy the clone URL" />
      </Group>
      <Title order={2} mt="xl">
        Change it by hand
      </Title>
      <Text c="dimmed" size="sm" mb="sm">
        A push behaves as the form does: the same history, the same checks, and you see it here as soon as it is observed.
      </Text>
      <CodeLines code={commands} label="Commands to change and push" />
    </section>
  )
}
