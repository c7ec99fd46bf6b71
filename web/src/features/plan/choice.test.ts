import { describe, expect, it } from 'vitest'
import type { PlanNode } from '../../api'
import { choose, dependencies, optionsOf, taken } from './choice'

const node = (path: string, more: Partial<PlanNode> = {}): PlanNode => ({
  path,
  alias: path.split('/').at(-1) ?? '',
  application: `shop-${path.replaceAll('/', '-')}`,
  use: 'new',
  blueprint: 'bp-valkey',
  offers: [],
  depends: [],
  ...more,
})
const offers = [
  { application: 'cache', version: '1.2.0', phase: 'Running', fits: true },
  { application: 'old', version: '0.1.0', phase: 'Running', fits: false, reason: 'It is older than 1.0.' },
]

describe('dependencies', () => {
  it('are all but the Application itself', () => {
    const tree = node('', { depends: [node('db', { depends: [node('db/backup')] }), node('cache')] })
    expect(dependencies(tree).map((each) => each.path)).toEqual(['db', 'db/backup', 'cache'])
    expect(dependencies(undefined)).toEqual([])
  })
})

describe('optionsOf', () => {
  it('says why an offer does not fit, and does not let it be taken', () => {
    expect(optionsOf(node('cache', { offers, range: '^1.0' }), {})).toEqual([
      { value: 'new', label: 'Create a new one', detail: 'version ^1.0', disabled: false },
      { value: 'existing/cache', label: 'Use cache', detail: 'version 1.2.0, Running', disabled: false },
      { value: 'existing/old', label: 'Use old', detail: 'version 0.1.0, Running: It is older than 1.0.', disabled: true },
    ])
  })

  it('always holds what is taken', () => {
    const cases: [PlanNode, Parameters<typeof optionsOf>[1]][] = [
      [node('a'), {}],
      [node('a', { use: 'shared', sharedWith: 'b' }), {}],
      [node('a', { use: 'existing', application: 'kept' }), {}],
      [node('a', { offers }), { a: { use: 'existing', application: 'gone' } }],
      [node('a', { use: 'existing', application: 'cache', offers }), { a: { use: 'existing', application: 'cache' } }],
      [node('a'), { a: { use: 'new', name: 'x' } }],
    ]
    for (const [each, choices] of cases) {
      const values = optionsOf(each, choices).map((option) => option.value)
      expect(values).toContain(taken(each, choices))
      expect(new Set(values).size).toBe(values.length)
    }
  })
})

describe('choose', () => {
  it('makes the request that the person means', () => {
    expect(choose({}, 'cache', 'existing/cache')).toEqual({ cache: { use: 'existing', application: 'cache' } })
    expect(choose({}, 'cache', 'new')).toEqual({ cache: { use: 'new' } })
    expect(choose({}, 'cache', 'new', 'mine')).toEqual({ cache: { use: 'new', name: 'mine' } })
    expect(choose({ cache: { use: 'new' } }, 'cache', 'planned')).toEqual({})
  })

  it('forgets what hangs below an Application that is there already, and nothing else', () => {
    const before = { 'db/backup': { use: 'new' }, db: { use: 'new' }, dbx: { use: 'new' } } as const
    expect(choose(before, 'db', 'existing/pg')).toEqual({ dbx: { use: 'new' }, db: { use: 'existing', application: 'pg' } })
    expect(choose(before, 'db', 'new', 'pg')).toEqual({ ...before, db: { use: 'new', name: 'pg' } })
    expect(choose(before, 'db', 'planned')).toEqual({ dbx: { use: 'new' } })
  })

  it('leaves the choices that it was given as they were', () => {
    const before = { a: { use: 'new' } } as const
    choose(before, 'a', 'planned')
    expect(before).toEqual({ a: { use: 'new' } })
  })
})
