import { Checkbox, Fieldset, Group, SimpleGrid, Text } from '@mantine/core'
import type { FormProps } from '@rjsf/core'
import { Theme } from '@rjsf/mantine'
import {
  buttonId,
  canExpand,
  getTemplate,
  getUiOptions,
  titleId,
  type ArrayFieldTitleProps,
  type BaseInputTemplateProps,
  type ObjectFieldTemplateProps,
  type WidgetProps,
} from '@rjsf/utils'
import type { ComponentType } from 'react'
import classes from './SchemaForm.module.css'

// rjsf's Mantine theme sets groups and lists apart by large headings; a form of settings is calmer with small ones.

const BaseInput = Theme.templates?.BaseInputTemplate as ComponentType<BaseInputTemplateProps>

/** A group of settings: the outermost is the form itself, those within are set apart. */
function GroupOfFields(props: ObjectFieldTemplateProps) {
  const { title, description, properties, fieldPathId, schema, uiSchema, formData, registry, disabled, readonly, onAddProperty, optionalDataControl } = props
  const { AddButton } = getTemplate('ButtonTemplates', registry, getUiOptions(uiSchema))
  const fields = (
    <>
      {description && (
        <Text size="sm" c="dimmed" mb="sm" component="div">
          {description}
        </Text>
      )}
      {optionalDataControl}
      <SimpleGrid cols={1} verticalSpacing="md">
        {properties.filter((each) => !each.hidden).map((each) => (
          <div key={each.name}>{each.content}</div>
        ))}
      </SimpleGrid>
      {canExpand(schema, uiSchema, formData) && (
        <Group mt="xs" justify="flex-end">
          <AddButton id={buttonId(fieldPathId, 'add')} disabled={disabled || readonly} onClick={onAddProperty} uiSchema={uiSchema} registry={registry} />
        </Group>
      )}
    </>
  )
  if (fieldPathId.path.length === 0) return <div id={fieldPathId.$id}>{fields}</div>
  return (
    <Fieldset legend={title} id={fieldPathId.$id} className={classes.group}>
      {fields}
    </Fieldset>
  )
}

/** Nothing filled in is an empty field, not one that React does not control. */
function Input(props: BaseInputTemplateProps) {
  return <BaseInput {...props} value={props.value ?? ''} />
}

function ListTitle({ fieldPathId, title, optionalDataControl }: ArrayFieldTitleProps) {
  if (!title) return null
  return (
    <span id={titleId(fieldPathId)}>
      {title} {optionalDataControl}
    </span>
  )
}

/** A switch with its explanation below it, as every other field has its explanation beside its label. */
function Check({ id, htmlName, value, label, required, disabled, readonly, schema, options, rawErrors, onChange, onBlur, onFocus }: WidgetProps) {
  return (
    <Checkbox
      id={id}
      name={htmlName || id}
      label={label}
      description={options.description || schema.description}
      checked={Boolean(value)}
      required={required}
      disabled={disabled || readonly}
      error={rawErrors?.join('\n')}
      onChange={(event) => onChange(event.currentTarget.checked)}
      onBlur={(event) => onBlur(id, event.currentTarget.checked)}
      onFocus={(event) => onFocus(id, event.currentTarget.checked)}
    />
  )
}

export const widgets: FormProps['widgets'] = { ...Theme.widgets, CheckboxWidget: Check }

export const templates: FormProps['templates'] = {
  ...Theme.templates,
  ObjectFieldTemplate: GroupOfFields,
  ArrayFieldTitleTemplate: ListTitle,
  BaseInputTemplate: Input,
}
