import { Skeleton, Stack, Text } from '@mantine/core'
import { IconArrowLeft, IconLock } from '@tabler/icons-react'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useOrganizations } from '../../app/organization'
import type { Application, Operation } from '../../api'
import { useApplications } from '../../stream/StreamProvider'
import { AnchorLink, ButtonLink } from '../../ui/links'
import { Message } from '../../ui/Message'
import { PageHead } from '../../ui/PageHead'
import { NotFound, Trouble } from '../../ui/Trouble'
import { canWrite, whyReadOnly } from '../session/permissions'
import { usePerson } from '../session/useSession'
import { PauseOrResume } from './change/PauseOrResume'
import { Rollback } from './change/Rollback'
import { Uninstall } from './change/Uninstall'
import { Upgrade } from './change/Upgrade'
import type { Change } from './changes'

const address = '/organizations/$org/environments/$env/applications/$app/change'
const page = '/organizations/$org/environments/$env/applications/$app'

const titles: Record<Change, string> = { upgrade: 'Change the version of', rollback: 'Roll back', pause: 'Pause', resume: 'Resume', uninstall: 'Uninstall' }

/** A change of an Application: what is asked for, what it would do, and the button. */
export default function ChangePage() {
  const { org, env, app } = useParams({ from: address })
  const { organizations } = useOrganizations()
  const person = usePerson()
  const { data, error, isPending, refetch } = useApplications(org)
  const application = data?.find((each) => each.name === app && each.environment === env)
  if (!organizations.some((each) => each.name === org)) return <NotFound detail={`There is no Organization ${org}, or you have no role in it.`} />
  if (isPending) return <Skeleton height={320} radius="lg" />
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} what={app} />
  if (!application) return <NotFound detail={`No Application ${app} is known in ${env} of ${org}.`} />
  if (!canWrite(person, org, env.slice(org.length + 1))) {
    return (
      <Message level={1} icon={IconLock} title="Your role is to read" actions={<ButtonLink to={page} params={{ org, env, app }} variant="default">Back to {app}</ButtonLink>}>
        {whyReadOnly(org)}
      </Message>
    )
  }
  return <Known org={org} application={application} all={data ?? []} />
}

function Known({ org, application, all }: { org: string; application: Application; all: Application[] }) {
  const search = useSearch({ from: address })
  const navigate = useNavigate()
  const { name: app, environment: env = '' } = application
  const params = { org, env, app }
  const done = (operation: Operation) => void navigate({ to: page, params, search: { operation: operation.name } })
  const back = (
    <ButtonLink to={page} params={params} variant="default">
      Leave it as it is
    </ButtonLink>
  )
  const common = { org, application, done, back }
  return (
    <>
      <Text size="sm" mb="xs">
        <AnchorLink to={page} params={params} inherit>
          <IconArrowLeft size={15} aria-hidden style={{ verticalAlign: -2 }} /> {app} in {env}
        </AnchorLink>
      </Text>
      <PageHead title={`${titles[search.action]} ${app}`} lead={`in ${env}, from ${application.blueprint.name} ${application.blueprint.version}`} />
      <Stack gap="lg" key={search.action}>
        {search.action === 'upgrade' && <Upgrade {...common} version={search.version} />}
        {search.action === 'rollback' && <Rollback {...common} commit={search.commit} />}
        {(search.action === 'pause' || search.action === 'resume') && <PauseOrResume {...common} action={search.action} />}
        {search.action === 'uninstall' && (
          <Uninstall {...common} withDependencies={search.withDependencies === true} everywhere={search.everywhere === true} others={all.filter((each) => each.name === app && each.environment !== env)} />
        )}
      </Stack>
    </>
  )
}
