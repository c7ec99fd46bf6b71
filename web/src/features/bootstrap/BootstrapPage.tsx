import { Skeleton, Text, Title } from '@mantine/core'
import { IconServerOff } from '@tabler/icons-react'
import { Elapsed } from '../../ui/Ago'
import { Message } from '../../ui/Message'
import { PageHead } from '../../ui/PageHead'
import { ProblemAlert, Trouble } from '../../ui/Trouble'
import { Components } from './Components'
import { Steps } from './Steps'
import { useBootstrap } from './useBootstrap'

/** The health of the components, for people who are signed in. */
export function BootstrapPage() {
  const { data, error, isPending, refetch } = useBootstrap()
  if (isPending) return <Skeleton height={320} radius="lg" />
  if (data === undefined) return <Trouble error={error} retry={() => void refetch()} what="The health of the components" />
  if (data === null) {
    return (
      <Message level={1} icon={IconServerOff} title="Components are watched elsewhere">
        This Sovereign was not started by <code>catalyst up</code>: ask Kubernetes for the health of its components.
      </Message>
    )
  }
  const components = data.components ?? []
  const well = components.filter((component) => component.state === 'running').length
  return (
    <>
      <PageHead
        title="Components"
        lead={
          <>
            {well} of {components.length} run · started <Elapsed from={data.startedAt} /> ago
          </>
        }
      />
      {error && <ProblemAlert error={error} title="The components do not answer now; this is what they last said" />}
      <Components components={components} />
      <Title order={2} mt="xl" mb="sm">
        How it started
      </Title>
      {(data.steps ?? []).length > 0 ? <Steps steps={data.steps ?? []} /> : <Text c="dimmed">Nothing was recorded.</Text>}
    </>
  )
}
