import { Button, NativeSelect, Skeleton, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { lazy, Suspense, useState } from 'react'
import { asProblem, blueprintQuery, type Choices, type PlanRequest, type Values } from '../../../api'
import { Trouble } from '../../../ui/Trouble'
import { placesOf } from '../../plan/places'
import { PlanStep } from '../../plan/PlanStep'
import { usePlan } from '../../plan/usePlan'
import { versionOptions } from '../versions'
import { address, type ChangeProps } from './common'

// The form is large, and most upgrades need none.
const NewSettings = lazy(() => import('./NewSettings'))

/** To another version of the Blueprint, newer or older. */
export function Upgrade({ org, application, done, back, version }: ChangeProps & { version?: string }) {
  const { name: app, environment: env = '', blueprint } = application
  const navigate = useNavigate()
  const catalog = useQuery(blueprintQuery(blueprint.name))
  const [choices, setChoices] = useState<Choices>({})
  // Null while the settings of now go along.
  const [values, setValues] = useState<Values | null>(null)
  const request: PlanRequest | null = version ? { action: 'upgrade', application: app, environment: env, version, choices, ...(values ? { values } : {}) } : null
  const planning = usePlan(org, request, done)
  const problem = planning.refused ? asProblem(planning.refused) : null
  const places = placesOf(problem, [])
  const stop = problem?.code === 'upgrade_refused' ? problem.suggestion : undefined
  const go = (next: string) => {
    setValues(null)
    setChoices({})
    void navigate({ to: address, params: { org, env, app }, search: { action: 'upgrade', version: next }, replace: true })
  }
  if (catalog.isPending) return <Skeleton height={120} radius="lg" />
  if (!catalog.data) return <Trouble level={2} error={catalog.error} retry={() => void catalog.refetch()} what="The versions of this Blueprint" />
  const options = versionOptions(catalog.data.versions ?? [], blueprint.version)
  return (
    <>
      <NativeSelect
        label="Version"
        description={`${blueprint.version} runs now. An older one is possible where its Blueprint allows it.`}
        maw={620}
        value={version ?? ''}
        data={[{ value: '', label: options.some((each) => !each.disabled) ? 'Choose a version' : 'The catalog has no other version', disabled: true }, ...options]}
        onChange={(event) => go(event.currentTarget.value)}
      />
      <PlanStep
        org={org}
        env={env}
        planning={planning}
        choices={choices}
        choose={setChoices}
        verb={planning.plan ? undefined : 'Upgrade'}
        mend={
          <>
            {stop && (
              <div>
                <Button variant="default" onClick={() => go(stop)}>
                  Go to {stop} first
                </Button>
              </div>
            )}
            {places.values && version && (
              <Suspense fallback={<Skeleton height={200} radius="lg" />}>
                <NewSettings org={org} env={env} app={app} blueprint={blueprint.name} version={version} given={values} places={places} take={setValues} />
              </Suspense>
            )}
          </>
        }
        back={back}
      />
      {!version && <Text c="dimmed">Choose a version to see what it would change.</Text>}
    </>
  )
}
