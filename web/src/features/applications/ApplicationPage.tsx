import { Group, Skeleton, Tabs, Text, Tooltip } from '@mantine/core'
import { IconArrowLeft, IconGitBranch, IconHourglass } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { lazy, Suspense } from 'react'
import { useOrganizations } from '../../app/organization'
import { blueprintsQuery, type Application, type Operation } from '../../api'
import { useApplications, useOperations, useStreamStatus } from '../../stream/StreamProvider'
import { BlueprintIcon } from '../../ui/BlueprintIcon'
import { AnchorLink } from '../../ui/links'
import { PageHead } from '../../ui/PageHead'
import { NotFound, Trouble } from '../../ui/Trouble'
import { canWrite, whyReadOnly } from '../session/permissions'
import { usePerson } from '../session/useSession'
import classes from './Applications.module.css'
import { Actions } from './Actions'
import { GitTab } from './GitTab'
import { byStage, isFinal, latestOperation } from './group'
import { History } from './History'
import { OperationCard } from './OperationCard'
import { Overview } from './Overview'
import type { Tab } from './tabs'

const SettingsTab = lazy(() => import('./SettingsTab'))
const address = '/organizations/$org/environments/$env/applications/$app'

export default function ApplicationPage() {
  const { org, env, app } = useParams({ from: address })
  const { organizations } = useOrganizations()
  const { data, error, isPending, refetch } = useApplications(org)
  const operations = useOperations(org)
  const known = organizations.some((each) => each.name === org)
  const application = data?.find((each) => each.name === app && each.environment === env)
  const { operation: asked } = useSearch({ from: address })
  const operation = operations.data?.find((each) => each.name === asked) ?? latestOperation(operations.data ?? [], env, app)

  if (!known) return <NotFound detail={`There is no Organization ${org}, or you have no role in it.`} />
  if (application) return <Known org={org} application={application} operation={operation} all={data ?? []} />
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} what={app} />
  if (operation) return <Unobserved org={org} env={env} app={app} operation={operation} repository={repositoryOf(data ?? [], org, app)} />
  if (isPending || operations.isPending) return <Skeleton height={320} radius="lg" />
  return <Missing org={org} env={env} app={app} />
}

function Back({ org }: { org: string }) {
  return (
    <Text size="sm" mb="xs">
      <AnchorLink to="/organizations/$org/applications" params={{ org }} inherit>
        <IconArrowLeft size={15} aria-hidden style={{ verticalAlign: -2 }} /> Applications
      </AnchorLink>
    </Text>
  )
}

function Known({ org, application, operation, all }: { org: string; application: Application; operation?: Operation; all: Application[] }) {
  const { tab = 'overview' } = useSearch({ from: address })
  const navigate = useNavigate({ from: address })
  const person = usePerson()
  const env = application.environment ?? ''
  const app = application.name
  const others = all.filter((each) => each.name === app)
  const writable = canWrite(person, org, env.slice(org.length + 1))
  const blueprints = useQuery(blueprintsQuery)
  const icon = blueprints.data?.find((each) => each.name === application.blueprint.name)?.icon
  const open = (next: string | null) =>
    void navigate({ search: { tab: next === 'overview' || !next ? undefined : (next as Tab) }, replace: true })
  return (
    <>
      <Back org={org} />
      <PageHead
        title={app}
        before={<BlueprintIcon icon={icon} name={application.blueprint.name || app} size={52} />}
        lead={
          <Group gap={6}>
            <Link to="/marketplace/$blueprint" params={{ blueprint: application.blueprint.name }} className="plain-link">
              {application.blueprint.name} {application.blueprint.version}
            </Link>
            <span aria-hidden>·</span>
            <Environments org={org} app={app} current={env} others={others} />
          </Group>
        }
        actions={
          writable ? (
            application.phase !== 'Removing' && <Actions org={org} application={application} />
          ) : (
            <Tooltip label={whyReadOnly(org)}>
              {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- the explanation must be reachable by keyboard */}
              <Text size="sm" c="dimmed" tabIndex={0} td="underline dotted">
                Read only
              </Text>
            </Tooltip>
          )
        }
      />
      <Tabs value={tab} onChange={open} keepMounted={false}>
        <Tabs.List mb="md">
          <Tabs.Tab value="overview">Overview</Tabs.Tab>
          <Tabs.Tab value="settings">Settings</Tabs.Tab>
          <Tabs.Tab value="history">History</Tabs.Tab>
          <Tabs.Tab value="git" leftSection={<IconGitBranch size={15} aria-hidden />}>
            Git
          </Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="overview">
          <Overview org={org} application={application} operation={operation} neighbours={all} />
        </Tabs.Panel>
        <Tabs.Panel value="settings">
          <Suspense fallback={<Skeleton height={300} radius="lg" />}>
            <SettingsTab key={`${env}/${app}`} org={org} env={env} app={app} writable={writable} changes={application.changes ?? []} done={(operation) => void navigate({ search: { operation: operation.name }, replace: true })} />
          </Suspense>
        </Tabs.Panel>
        <Tabs.Panel value="history">
          <History org={org} application={application} writable={writable} />
        </Tabs.Panel>
        <Tabs.Panel value="git">
          <GitTab application={application} />
        </Tabs.Panel>
      </Tabs>
    </>
  )
}

function Environments({ org, app, current, others }: { org: string; app: string; current: string; others: Application[] }) {
  const names = others.map((each) => each.environment ?? '').toSorted(byStage)
  return names.map((name) =>
    name === current ? (
      <Text key={name} span fw={560} c="var(--mantine-color-text)" aria-current="page">
        {name}
      </Text>
    ) : (
      <Link key={name} to={address} params={{ org, env: name, app }} className="plain-link">
        {name}
      </Link>
    ),
  )
}

/** Accepted, on its way, and nothing of it has been seen in Git or the cluster; or gone again. */
function Unobserved({ org, env, app, operation, repository }: { org: string; env: string; app: string; operation: Operation; repository?: string }) {
  const leaving = operation.action === 'uninstall'
  return (
    <>
      <Back org={org} />
      <PageHead title={app} lead={env} before={<BlueprintIcon name={app} size={52} />} />
      <div className={classes.columns}>
        <OperationCard operation={operation} repository={repository} />
        <section className={`surface ${classes.section}`}>
          <Group gap="sm" wrap="nowrap" align="flex-start">
            <IconHourglass size={20} aria-hidden style={{ flex: 'none' }} />
            <Text size="sm">
              {leaving && !isFinal(operation)
                ? `${app} is being removed from ${env}.`
                : leaving && operation.state === 'Succeeded'
                ? `${app} no longer runs in ${env}. Its repository ${org}/${app} and its history are still there.`
                : operation.state === 'Failed'
                  ? 'Nothing of it runs. The Operation says why it ended.'
                  : operation.state === 'Cancelled'
                    ? 'Nothing of it runs: the Operation was cancelled.'
                  : 'Nothing of it has been observed yet. This page turns into the Application as soon as something is.'}
            </Text>
          </Group>
        </section>
      </div>
    </>
  )
}

/** Where the repository will be: beside those of the Organization's other Applications. */
function repositoryOf(applications: Application[], org: string, app: string): string | undefined {
  const other = applications.find((each) => each.repository.endsWith(`/${org}/${each.name}.git`))
  return other?.repository.replace(/[^/]+\.git$/, `${app}.git`)
}

function Missing({ org, env, app }: { org: string; env: string; app: string }) {
  const status = useStreamStatus()
  const caveat = status?.phase === 'live' ? '' : ' The stream is not live now, so it may also be too new to be known here.'
  return <NotFound detail={`No Application ${app} is known in ${env} of ${org}. It may be uninstalled, or the address may be mistyped.${caveat}`} />
}
