import { Button } from '@mantine/core'
import { fireEvent, screen } from '@testing-library/react'
import { describe, expect, it, vi } from 'vitest'
import type { JsonSchema, Values } from '../api'
import { draw } from '../testing/render'
import SchemaForm from './SchemaForm'

const schema: JsonSchema = {
  type: 'object',
  required: ['message'],
  properties: {
    message: { type: 'string', title: 'Message', minLength: 1 },
    replicas: { type: 'integer', title: 'Replicas', minimum: 1, maximum: 10, default: 2 },
  },
}

function setup(given: JsonSchema | null, errors?: object) {
  const onSubmit = vi.fn<(values: Values) => void>()
  draw(
    <SchemaForm schema={given} values={{}} errors={errors} onChange={() => undefined} onSubmit={onSubmit}>
      <Button type="submit">Next</Button>
    </SchemaForm>,
  )
  return { onSubmit, next: () => fireEvent.click(screen.getByRole('button', { name: 'Next' })) }
}

describe('SchemaForm', () => {
  it('fills in the defaults and refuses what does not fit', () => {
    const { onSubmit, next } = setup(schema)
    expect(screen.getByLabelText<HTMLInputElement>('Replicas').value).toBe('2')
    next()
    expect(onSubmit).not.toHaveBeenCalled()
    expect(screen.getAllByText('must be filled in').length).toBeGreaterThan(0)
  })

  it('hands over what was filled in', () => {
    const { onSubmit, next } = setup(schema)
    fireEvent.change(screen.getByLabelText(/Message/), { target: { value: 'Hello' } })
    next()
    expect(onSubmit).toHaveBeenCalledWith({ message: 'Hello', replicas: 2 })
  })

  it('shows what the server says at its field', () => {
    setup(schema, { replicas: { __errors: ['more than the quota allows'] } })
    expect(screen.getAllByText('more than the quota allows').length).toBeGreaterThan(0)
  })

  it('says so where there is nothing to set', () => {
    const { onSubmit, next } = setup(null)
    expect(screen.getByText(/has no settings/)).toBeTruthy()
    next()
    expect(onSubmit).toHaveBeenCalledWith({})
  })
})
