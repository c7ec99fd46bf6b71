import { Button, Group } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useContext } from 'react'
import { api, operationsQuery, type Operation } from '../../api'
import { ProblemAlert } from '../../ui/Trouble'
import { canWrite } from '../session/permissions'
import { PersonContext } from '../session/useSession'
import { retryable } from './words'

/** What can be done about an Operation: end it while that is possible, ask again for what failed. */
export function OperationActions({ operation, retried }: { operation: Operation; retried?: (operation: Operation) => void }) {
  const person = useContext(PersonContext)
  const client = useQueryClient()
  const org = operation.organization ?? ''
  const remember = (next: Operation) =>
    client.setQueryData(operationsQuery(org).queryKey, (old) => [next, ...(old ?? []).filter((each) => each.name !== next.name)])
  const cancel = useMutation({ mutationFn: () => api.cancel(org, operation.name), onSuccess: remember })
  const retry = useMutation({
    mutationFn: () => api.retry(org, operation.name),
    onSuccess: (next) => {
      remember(next)
      retried?.(next)
    },
  })
  const envType = operation.environment?.slice(org.length + 1)
  if (!person || !canWrite(person, org, envType)) return null
  if (!operation.cancellable && !retryable(operation)) return null
  const wrong = cancel.error ?? retry.error
  return (
    <>
      <Group gap="xs" mt="sm">
        {operation.cancellable && (
          <Button size="xs" variant="default" onClick={() => cancel.mutate()} loading={cancel.isPending}>
            Cancel
          </Button>
        )}
        {retryable(operation) && (
          <Button size="xs" variant="default" onClick={() => retry.mutate()} loading={retry.isPending} disabled={retry.isSuccess}>
            {retry.isSuccess ? 'Asked again' : 'Try again'}
          </Button>
        )}
      </Group>
      {wrong && (
        <div style={{ marginTop: 10 }}>
          <ProblemAlert error={wrong} title={cancel.error ? 'It was not cancelled' : 'It was not tried again'} />
        </div>
      )}
    </>
  )
}
