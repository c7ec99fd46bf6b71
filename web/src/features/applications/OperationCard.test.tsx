import { screen } from '@testing-library/react'
import { describe, expect, it } from 'vitest'
import type { Operation } from '../../api'
import { draw } from '../../testing/render'
import { OperationCard, stepTitle } from './OperationCard'

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

describe('OperationCard', () => {
  it('says how each step stands in words, not by colour alone', () => {
    draw(<OperationCard operation={operation} />)
    const items = screen.getAllByRole('listitem').map((item) => item.textContent)
    expect(items).toEqual(['DoneCreate repository', 'FailedPushpre-receive hook declined', 'PendingObserve'])
    expect(screen.getByText('Gitea refused the push.')).toBeTruthy()
    expect(screen.getByText(/noor@acme.example/).textContent).toContain('took 4 s')
  })

  it('survives an Operation without steps', () => {
    draw(<OperationCard operation={{ ...operation, steps: null, message: '' }} />)
    expect(screen.queryAllByRole('listitem')).toHaveLength(0)
  })
})

describe('stepTitle', () => {
  it('reads as people write', () => expect(stepTitle('create-repository')).toBe('Create repository'))
})
