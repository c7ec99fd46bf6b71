import { NativeSelect, Skeleton } from '@mantine/core'
import { IconHistory } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { environmentsQuery } from '../../api'
import { useOrganizations } from '../../app/organization'
import { useActivity, useApplications } from '../../stream/StreamProvider'
import { Message } from '../../ui/Message'
import { PageHead } from '../../ui/PageHead'
import { NotFound, Trouble } from '../../ui/Trouble'
import { environmentNames } from '../applications/group'
import { ActivityList } from './ActivityList'
import { ActivityTabs } from './ActivityTabs'

const address = '/organizations/$org/activity'

export function ActivityPage() {
  const { org } = useParams({ from: address })
  const { organizations } = useOrganizations()
  const organization = organizations.find((each) => each.name === org)
  if (!organization) return <NotFound detail={`There is no Organization ${org}, or you have no role in it.`} />
  return <OfOrganization org={org} title={organization.displayName || org} />
}

function OfOrganization({ org, title }: { org: string; title: string }) {
  const { environment } = useSearch({ from: address })
  const navigate = useNavigate({ from: address })
  const environments = useQuery(environmentsQuery(org))
  const applications = useApplications(org)
  const names = environmentNames(environments.data ?? [], applications.data ?? [])
  const chosen = environment ?? names[0] ?? ''
  return (
    <>
      <PageHead
        title="Activity"
        lead={`${title}: what happened last, newest first`}
        actions={<ActivityTabs org={org} />}
      />
      {names.length > 0 && (
        <NativeSelect
          data={[...new Set([...names, chosen])]}
          value={chosen}
          onChange={(event) => void navigate({ search: { environment: event.currentTarget.value }, replace: true })}
          aria-label="Environment"
          mb="md"
          maw={240}
        />
      )}
      {chosen ? <OfEnvironment org={org} environment={chosen} /> : <NoEnvironment pending={environments.isPending} title={title} />}
    </>
  )
}

function NoEnvironment({ pending, title }: { pending: boolean; title: string }) {
  if (pending) return <Skeleton height={240} radius="lg" />
  return (
    <Message icon={IconHistory} title="No Environment yet">
      {title} has no Environment that you can see, so nothing can have happened in one.
    </Message>
  )
}

function OfEnvironment({ org, environment }: { org: string; environment: string }) {
  const { data, error, isPending, refetch } = useActivity(org, environment)
  const applications = useApplications(org).data ?? []
  if (isPending) return <Skeleton height={240} radius="lg" />
  if (error && data === undefined) return <Trouble level={2} error={error} retry={() => void refetch()} what={`The activity of ${environment}`} />
  const entries = data?.entries ?? []
  if (entries.length === 0) {
    return (
      <Message icon={IconHistory} title={`Nothing has happened in ${environment} yet`}>
        Commits, Operations and the warnings of the cluster appear here as they come.
      </Message>
    )
  }
  return <ActivityList org={org} environment={environment} entries={entries} applications={applications} />
}
