import { describe, expect, it } from 'vitest'
import type { Operation } from '../../api'
import { applicationsOf, select } from './filter'
import { byApplication, retryable, stepTitle } from './words'

const op = (name: string, more: Partial<Operation> = {}) =>
  ({ kind: 'Operation', name, application: 'shop', applications: ['shop'], state: 'Succeeded', createdAt: `2026-11-21T0${name}:00:00Z`, ...more }) as Operation

describe('select', () => {
  const streamed = [op('3', { state: 'Running' }), op('2', { state: 'Failed', application: 'cart', applications: ['cart-db', 'cart'] })]
  const history = [op('3', { state: 'Pending' }), op('1')]
  const names = (filter: Parameters<typeof select>[2]) => select(streamed, history, filter).map((each) => `${each.name} ${each.state}`)

  it('shows each once, newest first, as the stream knows it', () => expect(names({})).toEqual(['3 Running', '2 Failed', '1 Succeeded']))
  it('filters by state', () => expect(names({ state: 'Failed' })).toEqual(['2 Failed']))
  it('filters by any Application that it changes', () => expect(names({ application: 'cart-db' })).toEqual(['2 Failed']))
  it('offers all of these', () => expect(applicationsOf([...streamed, ...history])).toEqual(['cart', 'cart-db', 'shop']))
})

describe('byApplication', () => {
  it('keeps the order in which they are worked on', () => {
    const steps = [
      { name: 'push', application: 'db', state: 'Succeeded' },
      { name: 'push', application: 'shop', state: 'Running' },
      { name: 'verify', application: 'db', state: 'Succeeded' },
      { name: 'tell', state: 'Pending' },
    ] as const
    expect(byApplication([...steps]).map(({ application, steps }) => [application, steps.map((step) => step.name)])).toEqual([
      ['db', ['push', 'verify']],
      ['shop', ['push']],
      ['', ['tell']],
    ])
  })
})

describe('words', () => {
  it('read as people write', () => expect(stepTitle('create-repository')).toBe('Create repository'))
  it('offer to try again only what ended badly', () => {
    expect((['Failed', 'Cancelled', 'Succeeded', 'Waiting', 'Running'] as const).map((state) => retryable(op('1', { state })))).toEqual([true, true, false, false, false])
  })
})
