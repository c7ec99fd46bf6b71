import { screen, within } from '@testing-library/react'
import { describe, expect, it } from 'vitest'
import type { Bootstrap } from '../../api'
import { draw } from '../../testing/render'
import { Steps } from './Steps'
import { progressOf, signInWorks } from './useBootstrap'

const bootstrap: Bootstrap = {
  ready: false,
  startedAt: '2026-11-21T08:00:00Z',
  steps: [
    { id: 'fetch', title: 'Fetch the servers', state: 'done', startedAt: '2026-11-21T08:00:00Z', endedAt: '2026-11-21T08:00:20Z' },
    { id: 'nats', title: 'Start the event spine', state: 'running', progress: 0.5, startedAt: '2026-11-21T08:00:20Z', endedAt: '0001-01-01T00:00:00Z' },
    { id: 'flux', title: 'Start Flux', state: 'failed', error: 'port 7101 is in use', hint: 'Stop what listens there.' },
    { id: 'catalog', title: 'Publish the catalog', state: 'pending' },
  ],
  components: [
    { name: 'issuer', title: 'Sign-in', state: 'running', restarts: 0 },
    { name: 'gateway', title: 'Gateway', state: 'starting', restarts: 0 },
  ],
}

describe('Steps', () => {
  it('says of each step how it stands, and what to do about a failure', () => {
    draw(<Steps steps={bootstrap.steps ?? []} />)
    const [done, running, failed, pending] = screen.getAllByRole('listitem')
    expect(done?.textContent).toContain('20 s')
    expect(running?.getAttribute('aria-current')).toBe('step')
    expect(within(failed!).getByRole('alert').textContent).toBe('port 7101 is in use')
    expect(failed?.textContent).toContain('What to do: Stop what listens there.')
    expect(pending?.textContent).toContain('not yet')
  })
})

describe('progressOf', () => {
  it('counts what is done and what is under way', () => expect(progressOf(bootstrap)).toBe(0.375))
  it('is whole when the Sovereign is ready', () => expect(progressOf({ ...bootstrap, ready: true })).toBe(1))
})

describe('signInWorks', () => {
  it('waits for the gateway and the issuer', () => {
    expect(signInWorks(bootstrap)).toBe(false)
    const components = bootstrap.components?.map((component) => ({ ...component, state: 'running' as const })) ?? []
    expect(signInWorks({ ...bootstrap, components })).toBe(true)
  })
})
