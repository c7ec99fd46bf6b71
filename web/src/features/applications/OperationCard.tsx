import { Anchor, Group, Text, Title } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import type { Operation } from '../../api'
import { Ago, Elapsed } from '../../ui/Ago'
import { shortSha } from '../../ui/CommitLine'
import { AnchorLink } from '../../ui/links'
import { lookOf, operationLook } from '../../ui/looks'
import { ToneBadge } from '../../ui/Tone'
import { commitUrl } from '../activity/entry'
import { OperationActions } from '../operations/OperationActions'
import { Hint, NextTry, OperationSteps } from '../operations/OperationSteps'
import { actionTitle } from '../operations/words'
import classes from './Applications.module.css'
import { isFinal } from './group'

interface Props {
  operation: Operation
  /** Clone URL of the Application's repository, to lead to the commit. */
  repository?: string
}

/** An Operation and its steps, as they happen. */
export function OperationCard({ operation, repository }: Props) {
  const navigate = useNavigate()
  const { organization: org = '', environment = '', application } = operation
  return (
    <section className={`surface ${classes.section}`} aria-labelledby="operation">
      <div aria-live="polite">
        <Group justify="space-between" gap="xs" wrap="nowrap" align="flex-start">
          <Title order={2} id="operation">
            {actionTitle(operation)}
          </Title>
          <ToneBadge look={lookOf(operationLook, operation.state)} />
        </Group>
        {operation.message && (
          <Text size="sm" mt={6} c={operation.state === 'Failed' ? 'var(--bad-fg)' : undefined} style={{ overflowWrap: 'anywhere' }}>
            {operation.message}
          </Text>
        )}
      </div>
      <NextTry operation={operation} />
      <Text size="sm" c="dimmed" mt={4}>
        {operation.requester ? `asked for by ${operation.requester}, ` : ''}
        <Ago at={operation.createdAt} />
        {isFinal(operation) && operation.endedAt && (
          <>
            , took <Elapsed from={operation.createdAt} to={operation.endedAt} />
          </>
        )}
      </Text>
      <Hint operation={operation} />
      <OperationActions
        operation={operation}
        retried={(next) =>
          void navigate({
            to: '/organizations/$org/environments/$env/applications/$app',
            params: { org, env: environment, app: application },
            search: { operation: next.name },
            replace: true,
          })
        }
      />
      <OperationSteps operation={operation} />
      <Group gap="md" mt="sm">
        {operation.commit && <CommitOf sha={operation.commit} repository={repository} />}
        <AnchorLink to="/organizations/$org/operations" params={{ org }} search={{ application }} size="sm">
          All its Operations
        </AnchorLink>
      </Group>
    </section>
  )
}

function CommitOf({ sha, repository }: { sha: string; repository?: string }) {
  const url = commitUrl(repository, sha)
  const code = <code title={sha}>{shortSha(sha)}</code>
  return (
    <Text size="sm" c="dimmed">
      Commit{' '}
      {url ? (
        <Anchor href={url} target="_blank" rel="noreferrer" inherit>
          {code}
        </Anchor>
      ) : (
        code
      )}
    </Text>
  )
}
