import { Group, Text, Title } from '@mantine/core'
import type { Operation } from '../../api'
import { Ago, Elapsed } from '../../ui/Ago'
import { shortSha } from '../../ui/CommitLine'
import { lookOf, operationLook } from '../../ui/looks'
import { ToneBadge, ToneIcon } from '../../ui/Tone'
import classes from './Applications.module.css'
import { isFinal } from './group'

const actions: Record<Operation['action'], string> = {
  install: 'Install',
  configure: 'Change of settings',
  upgrade: 'Upgrade',
  downgrade: 'Downgrade',
  rollback: 'Rollback',
  pause: 'Pause',
  resume: 'Resume',
  uninstall: 'Uninstall',
}

/** "create-repository" as people write it. */
export function stepTitle(name: string): string {
  const words = name.replaceAll(/[-_]+/g, ' ').trim()
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** An Operation and its steps, as they happen. */
export function OperationCard({ operation }: { operation: Operation }) {
  const steps = operation.steps ?? []
  return (
    <section className={`surface ${classes.section}`} aria-labelledby="operation" aria-live="polite">
      <Group justify="space-between" gap="xs" wrap="nowrap" align="flex-start">
        <Title order={2} id="operation">
          {actions[operation.action] ?? stepTitle(operation.action)}
        </Title>
        <ToneBadge look={lookOf(operationLook, operation.state)} />
      </Group>
      <Text size="sm" c="dimmed">
        {operation.requester ? `asked for by ${operation.requester}, ` : ''}
        <Ago at={operation.createdAt} />
        {isFinal(operation) && operation.endedAt && (
          <>
            , took <Elapsed from={operation.createdAt} to={operation.endedAt} />
          </>
        )}
      </Text>
      {operation.message && (
        <Text size="sm" mt={8} c={operation.state === 'Failed' ? 'var(--bad-fg)' : undefined} style={{ overflowWrap: 'anywhere' }}>
          {operation.message}
        </Text>
      )}
      <ol className={classes.rows} style={{ marginTop: 6 }}>
        {steps.map((step) => (
          <li key={step.name} className={classes.row}>
            <ToneIcon look={lookOf(operationLook, step.state)} />
            <div style={{ gridColumn: '2 / -1' }}>
              <Text size="sm" fw={step.state === 'Running' ? 560 : 450} c={step.state === 'Pending' ? 'dimmed' : undefined}>
                {stepTitle(step.name)}
              </Text>
              {step.message && (
                <Text size="sm" c={step.state === 'Failed' ? 'var(--bad-fg)' : 'dimmed'}>
                  {step.message}
                </Text>
              )}
            </div>
          </li>
        ))}
      </ol>
      {operation.commit && (
        <Text size="sm" c="dimmed" mt={6}>
          Commit <code title={operation.commit}>{shortSha(operation.commit)}</code>
        </Text>
      )}
    </section>
  )
}
