import { Alert, Button, Group, Progress, Text, Title } from '@mantine/core'
import { IconAlertTriangle, IconLogin2, IconPlugConnectedX } from '@tabler/icons-react'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import { sessionQuery, type Bootstrap } from '../../api'
import { Ago } from '../../ui/Ago'
import { Mark } from '../../ui/Mark'
import { instant, stopwatch, useNow } from '../../ui/time'
import { signInHref } from '../session/SignIn'
import classes from './Bootstrap.module.css'
import { Components } from './Components'
import { Steps } from './Steps'
import { progressOf, signInWorks, useBootstrap } from './useBootstrap'

/** What a person sees before the Sovereign is ready. Nobody needs to be signed in for it. */
export function BootstrapScreen({ initial, returnTo }: { initial: Bootstrap; returnTo: string }) {
  const { data, error, dataUpdatedAt } = useBootstrap()
  const client = useQueryClient()
  const bootstrap = data ?? initial
  const now = useNow()
  const steps = bootstrap.steps ?? []
  const failed = steps.find((step) => step.state === 'failed')
  const broken = failed !== undefined || Boolean(bootstrap.error)
  const running = steps.filter((step) => step.state === 'running').map((step) => step.title)
  const open = signInWorks(bootstrap)

  useEffect(() => {
    document.title = bootstrap.ready ? 'Ready · Catalyst' : 'Starting · Catalyst'
    if (bootstrap.ready) void client.invalidateQueries({ queryKey: sessionQuery.queryKey })
  }, [bootstrap.ready, client])

  return (
    <main className={classes.page}>
      <Group gap="md" wrap="nowrap" mb="md">
        <Mark size={40} />
        <div>
          <Title order={1}>{broken ? 'The Sovereign could not start' : 'The Sovereign is starting'}</Title>
          <Text c="dimmed" aria-live="polite">
            {failed ? `It stopped at “${failed.title}”.` : running.length > 0 ? `${running.join(' · ')} …` : 'Waiting for the first step …'}
          </Text>
        </div>
      </Group>
      <Group justify="space-between" mb={6}>
        <Text size="sm" c="dimmed">
          {steps.filter((step) => step.state === 'done').length} of {steps.length} steps
        </Text>
        <Text size="sm" c="dimmed" className="tabular">
          {stopwatch(now - (instant(bootstrap.startedAt) ?? now))}
        </Text>
      </Group>
      <Progress value={progressOf(bootstrap) * 100} size="md" mb="lg" color={broken ? 'red' : 'iris'} aria-label="How far the Sovereign has come" />
      {error && (
        <Alert color="orange" variant="outline" mb="md" icon={<IconPlugConnectedX size={18} />} title="No answer from the Sovereign">
          What you see is from <Ago at={new Date(dataUpdatedAt || now).toISOString()} />. We keep asking. On the machine itself, <code>catalyst status</code> says what runs.
        </Alert>
      )}
      {bootstrap.error && !failed && (
        <Alert color="red" variant="outline" mb="md" icon={<IconAlertTriangle size={18} />} title={bootstrap.error} role="alert">
          {bootstrap.hint}
        </Alert>
      )}
      <Steps steps={steps} />
      <Group justify="space-between" mt="lg" mb="xl">
        <Text size="sm" c="dimmed" maw={420}>
          {open ? 'Signing in works already. Parts that are not there yet say so.' : 'You can sign in as soon as the gateway and the issuer run. This page follows by itself.'}
        </Text>
        {open ? (
          <Button component="a" href={signInHref(returnTo)} leftSection={<IconLogin2 size={18} />}>
            Sign in
          </Button>
        ) : (
          <Button disabled leftSection={<IconLogin2 size={18} />}>
            Sign in
          </Button>
        )}
      </Group>
      {(bootstrap.components ?? []).length > 0 && (
        <>
          <Title order={2} mb="sm">
            Components
          </Title>
          <Components components={bootstrap.components ?? []} />
        </>
      )}
    </main>
  )
}
