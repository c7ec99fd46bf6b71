import { Group, NativeSelect, Skeleton, Text, TextInput, UnstyledButton } from '@mantine/core'
import { IconApps, IconFilterOff, IconSearch } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useOrganizations } from '../../app/organization'
import { blueprintsQuery, environmentsQuery, type Application, type Phase } from '../../api'
import { useApplications, useOperations } from '../../stream/StreamProvider'
import { ButtonLink } from '../../ui/links'
import { lookOf, phaseLook } from '../../ui/looks'
import { Message } from '../../ui/Message'
import { PageHead } from '../../ui/PageHead'
import { NotFound, Trouble } from '../../ui/Trouble'
import { canWrite, whyReadOnly } from '../session/permissions'
import { usePerson } from '../session/useSession'
import classes from './Applications.module.css'
import { ArrivingCard, ApplicationCard } from './Card'
import { arriving, countPhases, environmentNames, group, type Filter } from './group'

export function ApplicationsPage() {
  const { org } = useParams({ from: '/organizations/$org/applications' })
  const { organizations } = useOrganizations()
  const organization = organizations.find((each) => each.name === org)
  if (!organization) return <NotFound detail={`There is no Organization ${org}, or you have no role in it.`} />
  return <Applications org={org} title={organization.displayName || org} />
}

function Applications({ org, title }: { org: string; title: string }) {
  const filter = useSearch({ from: '/organizations/$org/applications' })
  const navigate = useNavigate({ from: '/organizations/$org/applications' })
  const writable = canWrite(usePerson(), org)
  const { data, error, isPending, refetch } = useApplications(org)
  const operations = useOperations(org)
  const environments = useQuery(environmentsQuery(org))
  const blueprints = useQuery(blueprintsQuery)

  const applications = data ?? []
  const groups = group(applications, filter)
  const coming = filter.q || filter.environment || filter.phase ? [] : arriving(operations.data ?? [], applications)
  const empty = data !== undefined && applications.length === 0 && coming.length === 0
  const icons = new Map((blueprints.data ?? []).map((each) => [each.name, each.icon]))
  const install = writable && (
    <ButtonLink to="/marketplace" variant={empty ? 'filled' : 'default'}>
      Install an Application
    </ButtonLink>
  )

  return (
    <>
      <PageHead title="Applications" lead={title} actions={!empty && install} />
      {!empty && (
        <Group mb="sm" gap="sm">
          <TextInput
            value={filter.q ?? ''}
            onChange={(event) => void navigate({ search: { ...filter, q: event.currentTarget.value || undefined }, replace: true })}
            placeholder="Filter by name, phase or Blueprint"
            aria-label="Filter Applications"
            leftSection={<IconSearch size={16} aria-hidden />}
            type="search"
            style={{ flex: '1 1 240px', maxWidth: 360 }}
          />
          <NativeSelect
            data={[{ value: '', label: 'All Environments' }, ...environmentNames(environments.data ?? [], applications).map((name) => ({ value: name, label: name }))]}
            value={filter.environment ?? ''}
            onChange={(event) => void navigate({ search: { ...filter, environment: event.currentTarget.value || undefined }, replace: true })}
            aria-label="Filter by Environment"
            style={{ flex: '0 1 200px' }}
          />
        </Group>
      )}
      {!empty && data && (
        <Phases applications={applications} filter={filter} choose={(phase) => void navigate({ search: { ...filter, phase }, replace: true })} />
      )}
      {isPending && (
        <div className={classes.grid} aria-label="Loading">
          {[1, 2, 3].map((n) => (
            <Skeleton key={n} height={170} radius="lg" />
          ))}
        </div>
      )}
      {error && !data && <Trouble level={2} error={error} retry={() => void refetch()} what="The Applications" />}
      {empty && (
        <Message icon={IconApps} title="No Applications yet" actions={install}>
          <Text>
            {writable
              ? 'Choose a Blueprint in the marketplace. Installing it makes one commit, and you see here how it comes up.'
              : `Nobody has installed anything in ${title}. ${whyReadOnly(org)}`}
          </Text>
        </Message>
      )}
      {!empty && data && groups.length === 0 && coming.length === 0 && (
        <Message
          icon={IconFilterOff}
          title="Nothing matches"
          actions={
            <ButtonLink to="/organizations/$org/applications" params={{ org }} search={{}} variant="default">
              Show all
            </ButtonLink>
          }
        >
          None of the {applications.length} entries matches the filter.
        </Message>
      )}
      <ul className={classes.grid}>
        {coming.map((arrival) => (
          <li key={`${arrival.operation.name} ${arrival.application}`}>
            <ArrivingCard org={org} arrival={arrival} />
          </li>
        ))}
        {groups.map((each) => (
          <li key={each.name}>
            <ApplicationCard org={org} group={each} icon={icons.get(each.entries[0]?.blueprint.name ?? '')} />
          </li>
        ))}
      </ul>
    </>
  )
}

/** How many entries are in each phase; a press shows only those. */
function Phases({ applications, filter, choose }: { applications: Application[]; filter: Filter; choose: (phase?: Phase) => void }) {
  const counts = countPhases(applications, filter)
  const total = counts.reduce((sum, [, count]) => sum + count, 0)
  const chosen = filter.phase
  const chips: [Phase | undefined, number][] = [[undefined, total], ...counts]
  // What is chosen stays to be seen, and to be left, when there is none of it any more.
  if (chosen && !counts.some(([phase]) => phase === chosen)) chips.push([chosen, 0])
  return (
    <fieldset aria-label="Filter by phase" className={classes.chips}>
      {chips.map(([phase, count]) => {
        const look = phase && lookOf(phaseLook, phase)
        return (
          <UnstyledButton key={phase ?? ''} className={classes.chip} aria-pressed={chosen === phase} onClick={() => choose(chosen === phase ? undefined : phase)}>
            {look && <look.icon size={15} stroke={2} aria-hidden style={{ color: `var(--${look.tone}-fg)` }} />}
            {look ? look.label : 'All'}
            <span className="tabular">{count}</span>
          </UnstyledButton>
        )
      })}
    </fieldset>
  )
}
