import { fireEvent, screen, waitFor, within } from '@testing-library/react'
import { useState } from 'react'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Choices, InstallPlan, Operation, PlanRequest } from '../../api'
import { drawAt } from '../../testing/render'
import { PlanStep } from './PlanStep'
import { usePlan } from './usePlan'

const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString()
const plan = (more: Partial<InstallPlan> = {}): InstallPlan => ({
  id: 'plan-1',
  expiresAt: inAnHour(),
  action: 'install',
  application: 'shop',
  environment: 'acme-dev',
  values: {},
  tree: {
    path: '', alias: '', application: 'shop', use: 'new', blueprint: 'bp-shop', offers: [],
    depends: [{ path: 'db', alias: 'db', application: 'shop-db', use: 'new', blueprint: 'bp-postgres', depends: [], offers: [{ application: 'pg', version: '16.0.0', phase: 'Running', fits: true }] }],
  },
  changes: [{ application: 'shop', repository: 'acme/shop', create: true, commits: [{ branches: ['develop'], message: 'Install shop', removed: [], files: [{ path: 'application.yaml', content: 'kind: Application' }] }] }],
  manifests: [{ application: 'shop', changes: [{ kind: 'Deployment', apiVersion: 'apps/v1', name: 'shop', action: 'create', problem: 'quota exceeded' }] }],
  affected: [],
  warnings: [],
  ...more,
})

const asked: { method: string; path: string; body: unknown }[] = []
let answers: (() => Response)[] = []
const json = (body: unknown, status = 201) => new Response(JSON.stringify(body), { status, headers: { 'Content-Type': status < 400 ? 'application/json' : 'application/problem+json' } })

beforeEach(() => {
  asked.length = 0
  vi.stubGlobal('fetch', (path: string, init: RequestInit) => {
    asked.push({ method: init.method ?? 'GET', path, body: typeof init.body === 'string' ? JSON.parse(init.body) : undefined })
    return Promise.resolve(answers.shift()?.() ?? json({ title: 'None', status: 500, code: 'none', detail: 'no answer left' }, 500))
  })
})
afterEach(() => vi.unstubAllGlobals())

const done = vi.fn<(operation: Operation) => void>()

function Page() {
  const [choices, setChoices] = useState<Choices>({})
  const request: PlanRequest = { action: 'install', application: 'shop', environment: 'acme-dev', choices }
  const planning = usePlan('acme', request, done)
  return <PlanStep org="acme" env="acme-dev" planning={planning} choices={choices} choose={setChoices} back={null} />
}

const button = () => screen.getByRole<HTMLButtonElement>('button', { name: 'Install' })
const ready = () => waitFor(() => expect(button().disabled).toBe(false))

describe('a plan', () => {
  it('is shown whole, and exactly it is carried out', async () => {
    answers = [() => json(plan()), () => json({ name: 'op-1' }, 202)]
    drawAt(<Page />)
    await screen.findByText('application.yaml')
    expect(screen.getByText(/quota exceeded/)).toBeTruthy()
    await ready()
    fireEvent.click(button())
    await waitFor(() => expect(done).toHaveBeenCalledWith({ name: 'op-1' }))
    expect(asked.map((each) => each.path)).toEqual(['/api/v1/organizations/acme/install-plans', '/api/v1/organizations/acme/install-plans/plan-1/operation'])
  })

  it('follows a choice at once, and keeps in sight what cannot be planned', async () => {
    answers = [() => json(plan()), () => json({ title: 'No', status: 422, code: 'dependencies_unresolved', detail: 'No.', errors: [{ location: '/choices/db', message: 'pg is too old' }] }, 422)]
    drawAt(<Page />)
    fireEvent.click(await screen.findByRole('button', { name: 'Change how shop gets its db' }))
    fireEvent.click(screen.getByRole('radio', { name: /Use pg/ }))
    const tree = await screen.findByRole('list', { name: 'What shop needs' })
    await within(tree).findByText('pg is too old')
    expect(asked[1]?.body).toMatchObject({ choices: { db: { use: 'existing', application: 'pg' } } })
    expect(button().disabled).toBe(true)
    expect(screen.getByText('application.yaml')).toBeTruthy()
  })

  it('that has expired is not carried out but planned again', async () => {
    answers = [() => json(plan({ expiresAt: new Date(Date.now() - 60_000).toISOString() })), () => json(plan({ id: 'plan-2' }))]
    drawAt(<Page />)
    await screen.findByText('This plan has expired')
    expect(button().disabled).toBe(true)
    fireEvent.click(screen.getByRole('button', { name: 'Plan again' }))
    await ready()
    expect(screen.queryByText('This plan has expired')).toBeNull()
  })

  it('that somebody was faster than says who, and is planned again on top of that', async () => {
    const moved = { repository: 'acme/shop', branch: 'develop', by: 'Ada', commit: 'c9b30f58ce9d', message: 'four pods', files: ['values.yaml'] }
    answers = [() => json(plan()), () => json({ title: 'Moved', status: 412, code: 'branch_moved', detail: 'Moved.', moved }, 412), () => json(plan({ id: 'plan-2' }))]
    drawAt(<Page />)
    await screen.findByText('application.yaml')
    await ready()
    fireEvent.click(button())
    const alert = await screen.findByRole('alert')
    expect(alert.textContent).toContain('Ada changed it in the meantime')
    expect(alert.textContent).toContain('four pods')
    expect(alert.textContent).toContain('values.yaml')
    expect(button().disabled).toBe(true)
    fireEvent.click(within(alert).getByRole('button', { name: 'Plan again' }))
    await ready()
    expect(screen.queryByRole('alert')).toBeNull()
  })

  it('that others stand in the way of names them as links', async () => {
    answers = [() => json({ title: 'In use', status: 409, code: 'application_in_use', detail: 'front needs it.', dependents: ['front'], hint: 'Uninstall front first.' }, 409)]
    drawAt(<Page />)
    const link = await screen.findByRole('link', { name: 'front' })
    expect(link.getAttribute('href')).toBe('/organizations/acme/environments/acme-dev/applications/front')
  })
})
