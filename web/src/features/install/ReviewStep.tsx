import { Button, Group, Skeleton, Stack, Text } from '@mantine/core'
import { IconRocket } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { api, asProblem, type InstallRequest } from '../../api'
import { ProblemAlert } from '../../ui/Trouble'
import { PlanView } from './PlanView'

interface Props {
  organization: string
  request: InstallRequest
  installing: boolean
  error: unknown
  back: () => void
  correct: (error: unknown) => void
  install: () => void
}

/** The plan, before anything is done. */
export function ReviewStep({ organization, request, installing, error, back, correct, install }: Props) {
  const plan = useQuery({
    queryKey: ['plan', organization, request],
    queryFn: ({ signal }) => api.plan(organization, request, signal),
    retry: (count, failure) => asProblem(failure).passing && count < 2,
    gcTime: 0,
    refetchOnWindowFocus: false,
  })
  const wrong = error ?? plan.error
  const fixable = wrong ? asProblem(wrong).status >= 400 && asProblem(wrong).status < 500 : false
  return (
    <Stack gap="lg">
      <Text>
        Installing <b>{request.name}</b> from{' '}
        <b>
          {request.blueprint} {request.version}
        </b>{' '}
        into <b>{request.environment}</b>.{' '}
        {plan.data ? 'This is everything that will be written to Git; nothing has been written yet.' : 'Nothing has been written yet.'}
      </Text>
      {plan.isPending && <Skeleton height={220} radius="lg" aria-label="Planning" />}
      {plan.data && <PlanView plan={plan.data} />}
      {wrong ? <ProblemAlert error={wrong} title={error ? 'It was not installed' : 'It cannot be planned like this'} /> : null}
      <Group>
        <Button leftSection={<IconRocket size={18} />} onClick={install} loading={installing} disabled={!plan.data}>
          Install
        </Button>
        <Button variant="default" onClick={back} disabled={installing}>
          Back to settings
        </Button>
        {fixable && (
          <Button variant="subtle" onClick={() => correct(wrong)}>
            Show me the field
          </Button>
        )}
        {plan.error && !fixable && (
          <Button variant="subtle" onClick={() => void plan.refetch()}>
            Try again
          </Button>
        )}
      </Group>
    </Stack>
  )
}
