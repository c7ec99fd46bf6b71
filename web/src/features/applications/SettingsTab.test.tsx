import { fireEvent, screen, waitFor } from '@testing-library/react'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Commit } from '../../api'
import { drawAt } from '../../testing/render'
import SettingsTab from './SettingsTab'

const schema = {
  type: 'object',
  properties: { replicas: { type: 'integer', title: 'Replicas', default: 2 }, title: { type: 'string', title: 'Title', default: 'Our shop' } },
}
const sizes = [{ name: 'large', title: 'Large', values: { replicas: 6 } }]
const stored = { values: { title: 'Shop' }, commit: 'a'.repeat(40), blueprint: { name: 'bp-shop', version: '1.0.0' } }
const plan = {
  id: 'plan-1', expiresAt: '2999-01-01T00:00:00Z', action: 'configure', application: 'shop', environment: 'acme-dev', values: {}, affected: [], warnings: [], manifests: [],
  changes: [{ application: 'shop', repository: 'acme/shop', create: false, commits: [{ branches: ['develop'], message: 'Configure shop', removed: [], files: [{ path: 'overlays/dev/values.yaml', content: '', diff: '+replicas: 3' }] }] }],
}

const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status, headers: { 'Content-Type': status < 400 ? 'application/json' : 'application/problem+json' } })
let now = stored
let asked: unknown[] = []
let answer = () => json(plan, 201)

beforeEach(() => {
  now = stored
  asked = []
  answer = () => json(plan, 201)
  vi.stubGlobal('fetch', (path: string, init: RequestInit) => {
    if (path.endsWith('/values')) return Promise.resolve(json(now))
    if (path.endsWith('/versions/1.0.0')) return Promise.resolve(json({ configSchema: schema, sizes, order: ['replicas', 'title'] }))
    asked.push(JSON.parse(String(init.body)))
    return Promise.resolve(answer())
  })
})
afterEach(() => vi.unstubAllGlobals())

const ada: Commit = { sha: 'b'.repeat(40), author: 'Ada', message: 'a new title' }

async function show() {
  drawAt(<SettingsTab org="acme" env="acme-dev" app="shop" writable changes={[ada]} done={() => undefined} />)
  return screen.findByLabelText<HTMLInputElement>('Replicas')
}
const type = (field: HTMLElement, value: string) => fireEvent.change(field, { target: { value } })
const review = () => fireEvent.click(screen.getByRole('button', { name: 'Review the change' }))

describe('SettingsTab', () => {
  it('shows what saving does, and sends only what the person decided', async () => {
    type(await show(), '3')
    review()
    await screen.findByText('overlays/dev/values.yaml')
    expect(asked).toEqual([{ action: 'configure', application: 'shop', environment: 'acme-dev', values: { title: 'Shop', replicas: 3 }, choices: {} }])
    expect(screen.getByRole('button', { name: 'Save' })).toBeTruthy()
  })

  it('has a size set the rest', async () => {
    await show()
    fireEvent.click(screen.getByRole('radio', { name: /Large/ }))
    await waitFor(() => expect(screen.getByLabelText<HTMLInputElement>('Replicas').value).toBe('6'))
    review()
    await screen.findByText('overlays/dev/values.yaml')
    expect(asked).toEqual([{ action: 'configure', application: 'shop', environment: 'acme-dev', size: 'large', values: { title: 'Shop' }, choices: {} }])
  })

  it('says who was faster, and keeps both what they changed and what was typed', async () => {
    type(await show(), '3')
    now = { ...stored, values: { title: 'New shop' }, commit: ada.sha }
    review()
    const alert = await screen.findByRole('alert')
    expect(alert.textContent).toContain('Ada changed this Application after you began')
    expect(alert.textContent).toContain('What they changed stays: title')
    await waitFor(() => expect(asked).toMatchObject([{ values: { title: 'New shop', replicas: 3 } }]))
  })

  it('leads back to the field that the server refuses', async () => {
    answer = () => json({ title: 'No', status: 422, code: 'invalid_values', detail: 'No.', errors: [{ location: '/values/replicas', message: 'more than the quota' }] }, 422)
    type(await show(), '9')
    review()
    fireEvent.click(await screen.findByRole('button', { name: 'Show me the field' }))
    expect((await screen.findAllByText('more than the quota')).length).toBeGreaterThan(0)
    expect(screen.getByLabelText<HTMLInputElement>('Replicas').value).toBe('9')
  })
})
