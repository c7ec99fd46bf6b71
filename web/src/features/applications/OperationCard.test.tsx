import { cleanup, screen } from '@testing-library/react'
import { describe, expect, it } from 'vitest'
import type { Operation, Person } from '../../api'
import { drawAt } from '../../testing/render'
import { PersonContext } from '../session/useSession'
import { OperationCard } from './OperationCard'

const operation: Operation = {
  kind: 'Operation',
  organization: 'acme',
  environment: 'acme-dev',
  name: 'op-1',
  changedAt: '2026-11-21T08:00:00Z',
  action: 'install',
  application: 'shop',
  applications: ['shop'],
  cancellable: false,
  requester: 'noor@acme.example',
  state: 'Failed',
  message: 'Gitea refused the push.',
  steps: [
    { name: 'create-repository', state: 'Succeeded' },
    { name: 'push', state: 'Failed', message: 'pre-receive hook declined' },
    { name: 'observe', state: 'Pending' },
  ],
  createdAt: '2026-11-21T08:00:00Z',
  endedAt: '2026-11-21T08:00:04Z',
}

const noor: Person = { subject: 'noor', email: 'noor@acme.example', name: 'Noor', roles: [{ role: 'org-developer', organization: 'acme' }] }

async function show(shown: Operation, person: Person | null = null, repository?: string) {
  drawAt(
    <PersonContext value={person}>
      <OperationCard operation={shown} repository={repository} />
    </PersonContext>,
  )
  await screen.findByRole('heading', { level: 2 })
}

describe('OperationCard', () => {
  it('says how each step stands in words, not by colour alone', async () => {
    await show(operation)
    const items = screen.getAllByRole('listitem').map((item) => item.textContent)
    expect(items).toEqual(['DoneCreate repository', 'FailedPushpre-receive hook declined', 'PendingObserve'])
    expect(screen.getByText('Gitea refused the push.')).toBeTruthy()
    expect(screen.getByText(/noor@acme.example/).textContent).toContain('took 4 s')
  })

  it('survives an Operation without steps', async () => {
    await show({ ...operation, steps: null, message: '' })
    expect(screen.queryAllByRole('listitem')).toHaveLength(0)
  })

  it('tells the steps of several Applications apart', async () => {
    const steps: Operation['steps'] = [
      { name: 'Commit and push', application: 'shop-db', state: 'Succeeded' },
      { name: 'Commit and push', application: 'shop', state: 'Running' },
    ]
    await show({ ...operation, state: 'Running', applications: ['shop-db', 'shop'], steps })
    expect(screen.getAllByRole('heading', { level: 3 }).map((each) => each.textContent)).toEqual(['shop-db', 'shop'])
    expect(screen.getByRole('list', { name: 'Steps of shop-db' }).textContent).toBe('DoneCommit and push')
  })

  it('says when it is tried again, what to do, and where the commit is', async () => {
    const nextTryAt = new Date(Date.now() + 20_500).toISOString()
    await show({ ...operation, state: 'Waiting', endedAt: undefined, nextTryAt, hint: 'Ask Ada.', commit: 'c9b30f5' }, null, 'http://forge/acme/shop.git')
    expect(screen.getByText(/Tried again in 2\d s\./)).toBeTruthy()
    expect(screen.getByText('Ask Ada.')).toBeTruthy()
    expect(screen.getByRole('link', { name: 'c9b30f5' }).getAttribute('href')).toBe('http://forge/acme/shop/commit/c9b30f5')
  })

  it('offers what can be done, to those who may', async () => {
    await show(operation, noor)
    expect(screen.getByRole('button', { name: 'Try again' })).toBeTruthy()
    expect(screen.queryByRole('button', { name: 'Cancel' })).toBeNull()
    cleanup()
    await show({ ...operation, state: 'Running', cancellable: true }, noor)
    expect(screen.getByRole('button', { name: 'Cancel' })).toBeTruthy()
    expect(screen.queryByRole('button', { name: 'Try again' })).toBeNull()
    cleanup()
    await show(operation, { ...noor, roles: [{ role: 'org-viewer', organization: 'acme' }] })
    expect(screen.queryByRole('button')).toBeNull()
  })
})
