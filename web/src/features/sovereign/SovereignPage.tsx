import { SimpleGrid, Skeleton, Text, Title } from '@mantine/core'
import { IconServer2 } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { sovereignQuery } from '../../api'
import { Ago } from '../../ui/Ago'
import { ButtonLink } from '../../ui/links'
import { Message } from '../../ui/Message'
import { PageHead } from '../../ui/PageHead'
import { Trouble } from '../../ui/Trouble'
import { SetAsideSection } from './SetAsideList'
import { Sources } from './Sources'

export function SovereignPage() {
  const { data, error, isPending, refetch } = useQuery(sovereignQuery)
  if (isPending) return <Skeleton height={240} radius="lg" />
  if (error && data === undefined) return <Trouble error={error} retry={() => void refetch()} what="The Sovereign" />
  const components = (
    <ButtonLink to="/sovereign/bootstrap" variant="default">
      Health of its components
    </ButtonLink>
  )
  if (!data) {
    return (
      <Message level={1} icon={IconServer2} title="Nothing heard yet" actions={components}>
        The observer has not reported a cluster. It does so within seconds of reaching one.
      </Message>
    )
  }
  return (
    <>
      <PageHead title="Sovereign" lead={<Ago at={data.changedAt} prefix="changed" />} actions={components} />
      <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>
        {(data.clusters ?? []).map((cluster) => (
          <section key={cluster.name} className="surface" style={{ padding: 18 }}>
            <Title order={2}>{cluster.name}</Title>
            <Text c="dimmed" size="sm">
              Kubernetes {cluster.version}
            </Text>
            <Text mt="md">
              {cluster.nodes} {cluster.nodes === 1 ? 'node' : 'nodes'}
              {cluster.simulatedNodes > 0 && `, ${cluster.simulatedNodes} of them simulated`}
            </Text>
            {cluster.simulatedNodes > 0 && (
              <Text size="sm" c="dimmed">
                Pods on simulated nodes are only pretended to run: everything around them is real.
              </Text>
            )}
          </section>
        ))}
      </SimpleGrid>
      <Sources sources={data.sources ?? []} />
      <SetAsideSection />
    </>
  )
}
