import { Button, Group, NativeSelect, Skeleton, Text, Title } from '@mantine/core'
import { IconFilterOff, IconListCheck } from '@tabler/icons-react'
import { useInfiniteQuery } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { operationHistoryQuery, type Operation, type OperationState } from '../../api'
import { useOrganizations } from '../../app/organization'
import { useOperations } from '../../stream/StreamProvider'
import { Ago, Elapsed } from '../../ui/Ago'
import { AnchorLink, ButtonLink } from '../../ui/links'
import { lookOf, operationLook } from '../../ui/looks'
import { Message } from '../../ui/Message'
import { PageHead } from '../../ui/PageHead'
import { ToneBadge } from '../../ui/Tone'
import { NotFound, ProblemAlert, Trouble } from '../../ui/Trouble'
import { ActivityTabs } from '../activity/ActivityTabs'
import { changed, isFinal } from '../applications/group'
import { applicationsOf, select, states, type Filter } from './filter'
import { OperationActions } from './OperationActions'
import classes from './Operations.module.css'
import { Hint, NextTry, OperationSteps } from './OperationSteps'
import { actionTitle } from './words'

const address = '/organizations/$org/operations'

export default function OperationsPage() {
  const { org } = useParams({ from: address })
  const { organizations } = useOrganizations()
  const organization = organizations.find((each) => each.name === org)
  if (!organization) return <NotFound detail={`There is no Organization ${org}, or you have no role in it.`} />
  return <OfOrganization org={org} title={organization.displayName || org} />
}

function OfOrganization({ org, title }: { org: string; title: string }) {
  const filter = useSearch({ from: address })
  const { data, error, isPending, refetch } = useOperations(org)
  const [asked, setAsked] = useState(false)
  const history = useInfiniteQuery({ ...operationHistoryQuery(org), enabled: asked })
  const older = (history.data?.pages ?? []).flatMap((page) => page.items ?? [])
  const all = select(data ?? [], older, {})
  const shown = select(data ?? [], older, filter)
  const more = !asked || history.hasNextPage
  return (
    <>
      <PageHead title="Operations" lead={`${title}: what was asked for, and how far it is`} actions={<ActivityTabs org={org} />} />
      <Filters operations={all} filter={filter} />
      {isPending && <Skeleton height={240} radius="lg" />}
      {error && !data && <Trouble level={2} error={error} retry={() => void refetch()} what="The Operations" />}
      {data && shown.length === 0 && <Nothing org={org} any={all.length > 0} />}
      {shown.length > 0 && (
        <ul className={`surface ${classes.list}`} aria-label="Operations">
          {shown.map((operation) => (
            <Row key={operation.name} org={org} operation={operation} />
          ))}
        </ul>
      )}
      {history.error && <ProblemAlert error={history.error} title="Older Operations cannot be read now" />}
      {data && all.length > 0 && more && (
        <Group justify="center" mt="md">
          <Button variant="default" loading={history.isFetching} onClick={() => (asked ? void history.fetchNextPage() : setAsked(true))}>
            Look for older ones
          </Button>
        </Group>
      )}
    </>
  )
}

function Filters({ operations, filter }: { operations: Operation[]; filter: Filter }) {
  const navigate = useNavigate({ from: address })
  const names = [...new Set([...applicationsOf(operations), ...(filter.application ? [filter.application] : [])])]
  const choose = (part: Filter) => void navigate({ search: { ...filter, ...part }, replace: true })
  return (
    <Group mb="md" gap="sm">
      <NativeSelect
        aria-label="Filter by state"
        data={[{ value: '', label: 'In any state' }, ...states.map((state) => ({ value: state, label: lookOf(operationLook, state).label }))]}
        value={filter.state ?? ''}
        onChange={(event) => choose({ state: (event.currentTarget.value || undefined) as OperationState | undefined })}
        style={{ flex: '0 1 200px' }}
      />
      <NativeSelect
        aria-label="Filter by Application"
        data={[{ value: '', label: 'All Applications' }, ...names.map((name) => ({ value: name, label: name }))]}
        value={filter.application ?? ''}
        onChange={(event) => choose({ application: event.currentTarget.value || undefined })}
        style={{ flex: '0 1 240px' }}
      />
    </Group>
  )
}

function Nothing({ org, any }: { org: string; any: boolean }) {
  if (!any) {
    return (
      <Message icon={IconListCheck} title="No Operation yet">
        Whenever somebody installs, changes or removes an Application, it appears here, step by step.
      </Message>
    )
  }
  return (
    <Message
      icon={IconFilterOff}
      title="Nothing matches"
      actions={
        <ButtonLink to={address} params={{ org }} search={{}} variant="default">
          Show all
        </ButtonLink>
      }
    >
      No Operation that is listed here matches the filter. Older ones may.
    </Message>
  )
}

function Row({ org, operation }: { org: string; operation: Operation }) {
  const [open, setOpen] = useState(false)
  const names = changed(operation)
  const steps = (operation.steps ?? []).length
  return (
    <li className={classes.row}>
      <div className={classes.head}>
        <Title order={2} size="md">
          {operation.environment ? (
            <AnchorLink
              to="/organizations/$org/environments/$env/applications/$app"
              params={{ org, env: operation.environment, app: operation.application }}
              search={{ operation: operation.name }}
              inherit
            >
              {actionTitle(operation)}: {operation.application}
            </AnchorLink>
          ) : (
            `${actionTitle(operation)}: ${operation.application}`
          )}
        </Title>
        <ToneBadge look={lookOf(operationLook, operation.state)} />
      </div>
      <Text size="sm" c="dimmed" component="div" className={classes.facts}>
        <span>{operation.environment || 'every Environment'}</span>
        {names.length > 1 && <span>{names.length} Applications</span>}
        <span>{operation.requester}</span>
        <span>
          <Ago at={operation.createdAt} />
          {isFinal(operation) && operation.endedAt && (
            <>
              , took <Elapsed from={operation.createdAt} to={operation.endedAt} />
            </>
          )}
        </span>
      </Text>
      {operation.message && operation.state !== 'Succeeded' && (
        <Text size="sm" mt={4} c={operation.state === 'Failed' ? 'var(--bad-fg)' : undefined}>
          {operation.message}
        </Text>
      )}
      <NextTry operation={operation} />
      {retryHint(operation) && <Hint operation={operation} />}
      <OperationActions operation={operation} />
      {steps > 0 && (
        <Button variant="subtle" size="compact-sm" mt={6} ms={-8} aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? 'Hide the steps' : `Show ${steps} steps`}
        </Button>
      )}
      {open && <OperationSteps operation={operation} />}
    </li>
  )
}

/** In a list, a hint is for those that still wait for a person. */
const retryHint = ({ state, hint }: Operation) => hint !== undefined && state !== 'Succeeded'
