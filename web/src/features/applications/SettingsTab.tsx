import { Alert, Button, Group, Skeleton, Text } from '@mantine/core'
import { IconGitMerge, IconLock } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, asProblem, blueprintVersionQuery, operationsQuery, valuesQuery, type ApplicationValues, type Values } from '../../api'
import SchemaForm from '../../form/SchemaForm'
import { sortErrors } from '../../form/serverErrors'
import { shortSha } from '../../ui/CommitLine'
import { ProblemAlert, Trouble } from '../../ui/Trouble'
import { whyReadOnly } from '../session/permissions'
import classes from './Applications.module.css'

interface Where {
  org: string
  env: string
  app: string
}

/** The settings as they are in Git, to be changed by the same form that installed them. */
export default function SettingsTab({ writable, done, ...where }: Where & { writable: boolean; done: () => void }) {
  const stored = useQuery(valuesQuery(where.org, where.env, where.app))
  if (stored.isPending) return <Skeleton height={300} radius="lg" />
  if (!stored.data) return <Trouble level={2} error={stored.error} retry={() => void stored.refetch()} what="The settings" />
  return <Settings where={where} stored={stored.data} reload={() => void stored.refetch()} writable={writable} done={done} />
}

interface Props {
  where: Where
  stored: ApplicationValues
  reload: () => void
  writable: boolean
  done: () => void
}

function Settings({ where: { org, env, app }, stored, reload, writable, done }: Props) {
  const client = useQueryClient()
  const detail = useQuery(blueprintVersionQuery(stored.blueprint.name, stored.blueprint.version))
  // Null until the person changes something. What they typed stays when the settings are read anew.
  const [edited, setEdited] = useState<Values | null>(null)
  const save = useMutation({
    mutationFn: (values: Values) => api.configure(org, env, app, values, stored.commit),
    onSuccess: (operation) => {
      client.setQueryData(operationsQuery(org).queryKey, (old) =>
        old?.some((each) => each.name === operation.name) ? old : [operation, ...(old ?? [])],
      )
      done()
    },
  })
  const problem = save.error ? asProblem(save.error) : null
  const moved = problem?.code === 'branch_moved' || problem?.status === 409 || problem?.status === 412
  const errors = problem ? sortErrors(problem.errors, []).values : undefined

  if (detail.isPending) return <Skeleton height={300} radius="lg" />
  if (!detail.data) return <Trouble level={2} error={detail.error} retry={() => void detail.refetch()} what="The Blueprint of this Application" />
  return (
    <section className={`surface ${classes.section}`} style={{ maxWidth: 720 }}>
      <Text size="sm" c="dimmed" mb="md">
        {stored.blueprint.name} {stored.blueprint.version}, as of commit <code title={stored.commit}>{shortSha(stored.commit)}</code>. Saving makes one commit for {env}.
      </Text>
      {!writable && (
        <Alert color="gray" variant="outline" icon={<IconLock size={18} />} mb="md">
          {whyReadOnly(org)}
        </Alert>
      )}
      <SchemaForm
        schema={detail.data.configSchema}
        order={detail.data.order}
        values={edited ?? stored.values}
        errors={errors}
        disabled={!writable || save.isPending}
        onChange={(values) => setEdited(values)}
        onSubmit={(values) => save.mutate(values)}
      >
        <div style={{ display: 'grid', gap: 14, marginTop: 24 }}>
          {moved && (
            <Alert color="orange" variant="outline" icon={<IconGitMerge size={18} />} title="Somebody changed it in the meantime" role="alert">
              <Text size="sm" c="var(--mantine-color-text)" mb="xs">
                {problem?.message} Nothing was written.
              </Text>
              <Button
                size="xs"
                variant="default"
                onClick={() => {
                  save.reset()
                  reload()
                }}
              >
                Read it again and keep what I typed
              </Button>
            </Alert>
          )}
          {problem && !moved && <ProblemAlert error={problem} title="It was not saved" />}
          {writable && (
            <Group>
              <Button type="submit" loading={save.isPending} disabled={edited === null}>
                Save
              </Button>
              <Button variant="default" disabled={edited === null || save.isPending} onClick={() => setEdited(null)}>
                Undo my changes
              </Button>
            </Group>
          )}
        </div>
      </SchemaForm>
    </section>
  )
}
