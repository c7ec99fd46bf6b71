import { screen, within } from '@testing-library/react'
import { describe, expect, it } from 'vitest'
import type { Application } from '../../api'
import { drawAt } from '../../testing/render'
import { Overview } from './Overview'

const now = new Date().toISOString()
const application: Application = {
  kind: 'Application',
  organization: 'acme',
  environment: 'acme-dev',
  name: 'shop',
  changedAt: now,
  blueprint: { name: 'bp-podinfo', version: '1.0.0' },
  phase: 'Degraded',
  message: 'One of two pods is not ready.',
  workloads: [{ kind: 'Deployment', name: 'shop', desired: 2, ready: 1, images: null, health: 'Current', changedAt: now }],
  endpoints: null,
  parts: null,
  pods: [
    { name: 'shop-b', phase: 'Running', ready: false, restarts: 4, reason: 'CrashLoopBackOff', message: 'exit code 1' },
    { name: 'shop-a', phase: 'Running', ready: true, restarts: 1 },
  ],
  warnings: [{ about: 'Pod/shop-b', reason: 'BackOff', message: 'Back-off restarting', count: 12, at: now }],
  dependsOn: [{ application: 'db', alias: 'database', phase: 'Running' }, { application: 'queue' }],
  usedBy: ['front'],
  changes: null,
  problems: null,
  repository: '',
  branch: 'develop',
  since: now,
}
const front: Application = { ...application, name: 'front', phase: 'Failed' }

async function sections(shown: Application) {
  drawAt(<Overview org="acme" application={shown} neighbours={[shown, front]} />)
  await screen.findByText('Pods')
  return (name: string) => within(screen.getByRole('region', { name }))
}

describe('Overview', () => {
  it('tells of pods, warnings and neighbours', async () => {
    const section = await sections(application)
    const rows = (name: string) => section(name).getAllByRole('listitem').map((row) => row.textContent)
    expect(rows('Pods')).toEqual(['In troubleshop-bin trouble, 4 restartsCrashLoopBackOff: exit code 1', 'Readyshop-aready, 1 restart'])
    expect(document.querySelector('[class*="ok"]')).toBeTruthy()
    expect(rows('Warnings')[0]).toContain('BackOff')
    expect(rows('Warnings')[0]).toContain('12 times, just now')
    expect(rows('Dependencies')).toEqual(['Runningdb as databaseRunning', 'Not therequeuenot in acme-dev', 'FailedfrontFailed'])
    expect(section('Dependencies').getByRole('link', { name: 'front' }).getAttribute('href')).toBe('/organizations/acme/environments/acme-dev/applications/front')
  })

  it('says what it means that there is nothing', async () => {
    const section = await sections({ ...application, pods: null, warnings: null, dependsOn: null, usedBy: null })
    expect(section('Warnings').getByText(/not complained/)).toBeTruthy()
    expect(section('Dependencies').getByText('No Application of acme-dev.')).toBeTruthy()
  })

  it('shows nothing as well that nobody can hear of', async () => {
    const section = await sections({
      ...application,
      phase: 'Unknown',
      unknownSince: now,
      message: 'Cluster local cannot be heard: connection refused. Before that it was Running: all well.',
      dependsOn: null,
      usedBy: null,
    })
    expect(section('Phase').getByText(/^Unknown since .*: Cluster local cannot be heard; this is the last that was known\.$/)).toBeTruthy()
    expect(section('Workloads').getByText('Healthy when last heard')).toBeTruthy()
    expect(section('Pods').getByText('Ready when last heard')).toBeTruthy()
    expect(document.querySelector('[class*="ok"]')).toBeNull()
  })
})
