import { describe, expect, it } from 'vitest'
import type { Application, Operation } from '../../api'
import { arriving, byStage, group, latestOperation, pods } from './group'

const app = (name: string, environment: string, more: Partial<Application> = {}) =>
  ({ kind: 'Application', name, environment, phase: 'Running', blueprint: { name: 'bp-podinfo', version: '1.0.0' }, workloads: null, ...more }) as Application
const op = (name: string, more: Partial<Operation>) => ({ kind: 'Operation', name, action: 'install', state: 'Running', ...more }) as Operation

describe('byStage', () => {
  it('follows the way of a promotion, not the alphabet', () => {
    expect(['acme-prod', 'acme-dev', 'acme-stg', 'acme-x'].toSorted(byStage)).toEqual(['acme-dev', 'acme-stg', 'acme-prod', 'acme-x'])
  })
})

describe('group', () => {
  const all = [app('shop', 'acme-prod'), app('shop', 'acme-dev', { phase: 'Failed' }), app('cart', 'acme-dev')]
  const names = (filter: Parameters<typeof group>[1]) => group(all, filter).map((each) => `${each.name}: ${each.entries.map((entry) => entry.environment).join(' ')}`)

  it('makes one entry for each Environment', () => expect(names({})).toEqual(['cart: acme-dev', 'shop: acme-dev acme-prod']))
  it('filters by Environment', () => expect(names({ environment: 'acme-prod' })).toEqual(['shop: acme-prod']))
  it('filters by every word', () => expect(names({ q: 'failed shop' })).toEqual(['shop: acme-dev']))
})

describe('pods', () => {
  it('adds up, also where nothing is observed', () => {
    const workload = { kind: 'Deployment', name: 'x', images: null, health: 'Current', changedAt: '' } as const
    expect(pods(app('a', 'e'))).toEqual({ ready: 0, desired: 0 })
    expect(pods(app('a', 'e', { workloads: [{ ...workload, desired: 3, ready: 1 }, { ...workload, desired: 2, ready: 2 }] }))).toEqual({ ready: 3, desired: 5 })
  })
})

describe('operations', () => {
  it('finds the newest of an Application in an Environment', () => {
    const list = [
      op('1', { application: 'shop', environment: 'acme-dev', createdAt: '2026-11-21T08:00:00Z' }),
      op('2', { application: 'shop', environment: 'acme-dev', createdAt: '2026-11-21T09:00:00Z' }),
      op('3', { application: 'shop', environment: 'acme-prod', createdAt: '2026-11-21T10:00:00Z' }),
    ]
    expect(latestOperation(list, 'acme-dev', 'shop')?.name).toBe('2')
    expect(latestOperation(list, 'acme-dev', 'cart')).toBeUndefined()
  })

  it('announces installs that nothing is observed of yet', () => {
    const list = [
      op('1', { application: 'new', environment: 'acme-dev' }),
      op('2', { application: 'shop', environment: 'acme-dev' }),
      op('3', { application: 'failed', environment: 'acme-dev', state: 'Failed' }),
      op('4', { application: 'gone', environment: 'acme-dev', action: 'uninstall' }),
    ]
    expect(arriving(list, [app('shop', 'acme-dev')]).map((each) => each.application)).toEqual(['new'])
  })

  it('are also those of the Applications that they make on the way', () => {
    const both = op('5', { application: 'front', applications: ['front-cache', 'front'], environment: 'acme-dev', createdAt: '2026-11-21T11:00:00Z' })
    expect(arriving([both], []).map((each) => each.application)).toEqual(['front-cache', 'front'])
    expect(arriving([both], [app('front-cache', 'acme-dev')]).map((each) => each.application)).toEqual(['front'])
    expect(latestOperation([both], 'acme-dev', 'front-cache')?.name).toBe('5')
  })
})
