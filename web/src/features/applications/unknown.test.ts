import { describe, expect, it } from 'vitest'
import type { Application } from '../../api'
import { clock } from '../../ui/time'
import { countPhases, group } from './group'
import { phaseOf, unknownOf } from './unknown'

const since = '2026-11-21T12:03:10Z'
const app = (name: string, more: Partial<Application> = {}) =>
  ({ kind: 'Application', name, environment: 'acme-dev', phase: 'Running', message: 'All pods are ready.', blueprint: { name: 'bp-podinfo', version: '1.0.0' }, ...more }) as Application
const quiet = { phase: 'Unknown', unknownSince: since, message: 'Cluster local cannot be heard: connection refused. Before that it was Running: All pods are ready.' } as const

describe('unknownOf', () => {
  it('says since when and whom we cannot hear, and keeps what was known', () => {
    const today = Date.parse(since)
    expect(unknownOf(app('shop', quiet), today)).toEqual({
      text: `Unknown since ${clock(today, today)}: Cluster local cannot be heard; this is the last that was known.`,
      detail: 'Connection refused. Before that it was Running: All pods are ready.',
    })
  })

  it('is nothing where the phase is known', () => expect(unknownOf(app('shop'))).toBeUndefined())

  it('believes no phase of before', () => expect(phaseOf(app('shop', { unknownSince: since }))).toBe('Unknown'))

  it('survives a message of another form', () => {
    expect(unknownOf(app('shop', { phase: 'Unknown', message: 'Who knows.' }))).toEqual({
      text: 'Unknown: A source of it cannot be heard; this is the last that was known.',
      detail: 'Who knows.',
    })
  })
})

describe('countPhases', () => {
  const all = [app('a'), app('b', quiet), app('c', { phase: 'Failed' }), app('d', { environment: 'acme-prod' }), app('e', { unknownSince: since })]

  it('counts those first that need care, Unknown among them', () => {
    expect(countPhases(all, {})).toEqual([['Failed', 1], ['Unknown', 2], ['Running', 2]])
  })

  it('agrees with the list, whatever else filters it', () => {
    for (const filter of [{}, { environment: 'acme-dev' }, { q: 'podinfo' }, { q: 'd', environment: 'acme-prod' }, { q: 'unknown' }]) {
      for (const [phase, count] of countPhases(all, filter)) {
        const listed = group(all, { ...filter, phase }).flatMap((each) => each.entries)
        expect(listed).toHaveLength(count)
      }
    }
  })
})
