import { Button, Skeleton, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { blueprintVersionQuery, valuesQuery, type Values } from '../../../api'
import { decided, defaultsOf } from '../../../form/defaults'
import SchemaForm from '../../../form/SchemaForm'
import { Trouble } from '../../../ui/Trouble'
import type { Places } from '../../plan/places'
import classes from '../Applications.module.css'

interface Props {
  org: string
  env: string
  app: string
  blueprint: string
  version: string
  given: Values | null
  places: Places
  take: (values: Values) => void
}

/** The settings as the other version asks for them, where those of now do not fit it. */
export default function NewSettings({ org, env, app, blueprint, version, given, places, take }: Props) {
  const stored = useQuery(valuesQuery(org, env, app))
  const detail = useQuery(blueprintVersionQuery(blueprint, version))
  const [edited, setEdited] = useState<Values | null>(given)
  if (stored.isPending || detail.isPending) return <Skeleton height={200} radius="lg" />
  if (!stored.data || !detail.data) return <Trouble level={2} error={stored.error ?? detail.error} what="The settings" />
  const { configSchema, order } = detail.data
  return (
    <section className={`surface ${classes.section}`} style={{ maxWidth: 720 }} aria-labelledby="new-settings">
      <Title order={2} id="new-settings" mb="sm">
        Version {version} asks for other settings
      </Title>
      <SchemaForm
        schema={configSchema}
        order={order}
        values={edited ?? stored.data.values}
        errors={places.values}
        onChange={setEdited}
        onSubmit={(values) => take(decided(values, defaultsOf(configSchema), stored.data.values))}
      >
        <Button type="submit" mt="lg">
          Plan with these
        </Button>
      </SchemaForm>
    </section>
  )
}
