import { Alert, Button, Group, Skeleton, Text } from '@mantine/core'
import { IconGitMerge, IconLock } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { asProblem, blueprintVersionQuery, valuesQuery, type ApplicationValues, type BlueprintDetail, type Choices, type Commit, type Operation, type PlanRequest, type Problem, type Values } from '../../api'
import { decided, over, rebase, type Rebased } from '../../form/defaults'
import SchemaForm from '../../form/SchemaForm'
import { SizePicker } from '../../form/SizePicker'
import { useSized } from '../../form/useSized'
import { shortSha } from '../../ui/CommitLine'
import { ProblemAlert, Trouble } from '../../ui/Trouble'
import { aboutSettings, placesOf } from '../plan/places'
import { PlanStep } from '../plan/PlanStep'
import { usePlan } from '../plan/usePlan'
import { whyReadOnly } from '../session/permissions'
import classes from './Applications.module.css'

interface Where {
  org: string
  env: string
  app: string
}

interface Rest {
  /** The last commits, to say who was faster. */
  changes: Commit[]
  writable: boolean
  done: (operation: Operation) => void
}

/** The settings as they are in Git, to be changed by the same form that installed them. */
export default function SettingsTab({ writable, changes, done, ...where }: Where & Rest) {
  const stored = useQuery(valuesQuery(where.org, where.env, where.app))
  const blueprint = stored.data?.blueprint
  const detail = useQuery(blueprintVersionQuery(blueprint?.name ?? '', blueprint?.version ?? ''))
  if (stored.error && !stored.data) return <Trouble level={2} error={stored.error} retry={() => void stored.refetch()} what="The settings" />
  if (detail.error && !detail.data) return <Trouble level={2} error={detail.error} retry={() => void detail.refetch()} what="The Blueprint of this Application" />
  if (!stored.data || !detail.data) return <Skeleton height={300} radius="lg" />
  const read = async () => {
    const { data, error } = await stored.refetch()
    if (error) throw error
    return data as ApplicationValues
  }
  return <Settings where={where} stored={stored.data} detail={detail.data} read={read} writable={writable} changes={changes} done={done} />
}

interface Props extends Rest {
  where: Where
  stored: ApplicationValues
  detail: BlueprintDetail
  /** Reads what Git says now. */
  read: () => Promise<ApplicationValues>
}

/** What the person wants, and the settings on which they began. */
interface Edit {
  values: Values
  size: string
  base: ApplicationValues
}

function Settings({ where: { org, env, app }, stored, detail, read, writable, changes, done }: Props) {
  const [edit, setEdit] = useState<Edit | null>(null)
  const [review, setReview] = useState(false)
  const [choices, setChoices] = useState<Choices>({})
  const [met, setMet] = useState<Rebased | null>(null)
  const [trouble, setTrouble] = useState<unknown>(null)
  // What the server refused, while the person mends it in the form.
  const [problem, setProblem] = useState<Problem | null>(null)
  const [reading, setReading] = useState(false)
  const size = edit?.size ?? stored.size ?? ''
  const { schema, defaults } = useSized(detail, size)
  const base = edit?.base ?? stored
  const values = edit?.values ?? stored.values
  const request: PlanRequest | null =
    review && edit ? { action: 'configure', application: app, environment: env, size: size || undefined, values: decided(values, defaults, stored.values), choices } : null
  const planning = usePlan(org, request, done)
  const refused = planning.refused ? asProblem(planning.refused) : null
  const places = placesOf(problem, [])

  /** Plans on what Git says now. What somebody else changed meanwhile is kept, under what the person typed. */
  const plan = async (wanted: Values, began = base) => {
    setReading(true)
    setTrouble(null)
    setProblem(null)
    try {
      const now = await read()
      const moved = now.commit !== began.commit
      const merged = moved ? rebase(over(defaults, began.values), wanted, over(defaults, now.values)) : { values: wanted, theirs: [], both: [] }
      if (moved) setMet(merged)
      setEdit({ values: merged.values, size, base: now })
      setReview(true)
    } catch (error) {
      setTrouble(error)
    } finally {
      setReading(false)
    }
  }
  const forget = () => {
    setEdit(null)
    setMet(null)
    setProblem(null)
    setReview(false)
  }

  if (review && edit) {
    return (
      <div style={{ display: 'grid', gap: 16 }}>
        <Text>
          This is what saving does in <b>{env}</b>.
        </Text>
        {met && <Met met={met} by={changes.find((each) => each.sha === edit.base.commit)} />}
        <PlanStep
          org={org}
          env={env}
          planning={planning}
          verb="Save"
          choices={choices}
          choose={setChoices}
          again={() => void plan(edit.values).then(planning.again)}
          mend={
            refused &&
            aboutSettings(refused) && (
              <div>
                <Button
                  variant="default"
                  onClick={() => {
                    setProblem(refused)
                    setReview(false)
                  }}
                >
                  Show me the field
                </Button>
              </div>
            )
          }
          back={
            <Button variant="default" onClick={() => setReview(false)} disabled={planning.carryingOut}>
              Back to the form
            </Button>
          }
        />
      </div>
    )
  }
  return (
    <section className={`surface ${classes.section}`} style={{ maxWidth: 720 }}>
      <Text size="sm" c="dimmed" mb="md">
        {stored.blueprint.name} {stored.blueprint.version}, as of commit <code title={base.commit}>{shortSha(base.commit)}</code>. You see what a change does before it is saved.
      </Text>
      {!writable && (
        <Alert color="gray" variant="outline" icon={<IconLock size={18} />} mb="md">
          {whyReadOnly(org)}
        </Alert>
      )}
      <SizePicker
        sizes={detail.sizes ?? []}
        value={size}
        none={!stored.size}
        disabled={!writable}
        error={places.fields.size}
        change={(next) => setEdit({ values: decided(values, defaults, stored.values), size: next, base })}
      />
      <SchemaForm
        key={size}
        schema={schema}
        order={detail.order}
        values={values}
        errors={places.values}
        disabled={!writable || reading}
        onChange={(next) => setEdit({ values: next, size, base })}
        onSubmit={(next) => void plan(next)}
      >
        <div style={{ display: 'grid', gap: 14, marginTop: 24 }}>
          {trouble !== null && <ProblemAlert error={trouble} title="The settings in Git cannot be read now" />}
          {writable && (
            <Group>
              <Button type="submit" loading={reading} disabled={edit === null}>
                Review the change
              </Button>
              <Button variant="default" disabled={edit === null || reading} onClick={forget}>
                Undo my changes
              </Button>
            </Group>
          )}
        </div>
      </SchemaForm>
    </section>
  )
}

/** That somebody else changed the settings after the person had begun. */
function Met({ met: { theirs, both }, by }: { met: Rebased; by?: Commit }) {
  return (
    <Alert color="orange" variant="outline" icon={<IconGitMerge size={18} />} title={`${by?.author || 'Somebody'} changed this Application after you began`} role="alert">
      <Text size="sm" c="var(--mantine-color-text)">
        {by && (
          <>
            <code title={by.sha}>{shortSha(by.sha)}</code> “{by.message?.split('\n')[0]}”.{' '}
          </>
        )}
        {theirs.length > 0 && <>What they changed stays: <Paths paths={theirs} />. </>}
        {both.length > 0 && <>You both changed <Paths paths={both} />; yours would be saved. </>}
        {theirs.length + both.length === 0 && 'The settings are the same as before. '}
        What you typed is kept; the plan below is on top of theirs.
      </Text>
    </Alert>
  )
}

function Paths({ paths }: { paths: string[] }) {
  return paths.map((path, i) => (
    <span key={path}>
      {i > 0 && ', '}
      <code>{path}</code>
    </span>
  ))
}
