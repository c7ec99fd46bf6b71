import { Text } from '@mantine/core'
import Form, { type IChangeEvent } from '@rjsf/core'
import type { ErrorSchema, RJSFSchema, UiSchema } from '@rjsf/utils'
import { useMemo, useState, type ReactNode } from 'react'
import type { JsonSchema, Values } from '../api'
import '@mantine/dates/styles.css'
import classes from './SchemaForm.module.css'
import { templates, widgets } from './templates'
import { validator } from './validator'

interface Props {
  schema: JsonSchema | null | undefined
  /** The settings as their author ordered them; a JSON object keeps no order. */
  order?: string[]
  values: Values
  errors?: ErrorSchema
  disabled?: boolean
  onChange: (values: Values) => void
  onSubmit: (values: Values) => void
  children: ReactNode
}

/** The settings of a Blueprint as a form that its configSchema draws. The children are its buttons. */
export default function SchemaForm({ schema, order, values, errors, disabled, onChange, onSubmit, children }: Props) {
  // Nobody is told what is wrong before they are done; from then on, as they type. Not on blur: an error that goes away
  // just then moves the button from under the pointer.
  const [refused, setRefused] = useState(false)
  const drawn = useMemo(() => withoutTitle(schema), [schema])
  const uiSchema = useMemo(() => look(order), [order])
  if (!drawn) {
    return (
      <form
        onSubmit={(event) => {
          event.preventDefault()
          onSubmit(values)
        }}
      >
        <Text c="dimmed" mb="lg">
          This Blueprint has no settings. It runs as it is.
        </Text>
        {children}
      </form>
    )
  }
  return (
    <Form
      className={classes.form}
      schema={drawn}
      uiSchema={uiSchema}
      validator={validator}
      templates={templates}
      widgets={widgets}
      formData={values}
      extraErrors={errors}
      disabled={disabled}
      liveValidate={refused ? 'onChange' : undefined}
      onError={() => setRefused(true)}
      showErrorList={false}
      noHtml5Validate
      focusOnFirstError
      idPrefix="values"
      onChange={({ formData }: IChangeEvent) => onChange((formData ?? {}) as Values)}
      onSubmit={({ formData }: IChangeEvent) => onSubmit((formData ?? {}) as Values)}
    >
      {children}
    </Form>
  )
}

const look = (order: string[] | undefined): UiSchema => ({
  'ui:submitButtonOptions': { norender: true },
  ...(order?.length ? { 'ui:order': [...order, '*'] } : {}),
})

/** The page has a title of its own; and a schema without properties draws nothing. */
function withoutTitle(schema: JsonSchema | null | undefined): RJSFSchema | null {
  if (!schema || (!schema.properties && !schema.$ref && !schema.oneOf && !schema.anyOf && !schema.allOf)) return null
  const { title: _title, description: _description, ...rest } = schema
  return rest as RJSFSchema
}
