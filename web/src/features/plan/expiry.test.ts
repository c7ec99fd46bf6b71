import { describe, expect, it } from 'vitest'
import { remaining, running, until } from './expiry'

const at = '2026-11-21T12:00:00Z'
const now = Date.parse(at)

describe('a plan', () => {
  it('can be carried out until the instant at which it expires', () => {
    expect(remaining(at, now - 1)).toBe(1)
    expect(remaining(at, now)).toBe(0)
    expect(remaining(at, now + 60_000)).toBe(0)
  })

  it('that says no end is left to the server', () => {
    expect(remaining('', now)).toBe(Number.POSITIVE_INFINITY)
    expect(remaining('0001-01-01T00:00:00Z', now)).toBe(Number.POSITIVE_INFINITY)
  })

  it('is short of time for its last five minutes, and not after', () => {
    expect([5 * 60_001, 5 * 60_000, 1, 0].map(running)).toEqual([false, true, true, false])
  })
})

describe('until', () => {
  it.each([
    [8000, 'in 8 s'],
    [7001, 'in 8 s'],
    [1, 'in 1 s'],
    [0, 'now'],
    [-5000, 'now'],
    [119_000, 'in 119 s'],
    [121_000, 'in 3 min'],
  ])('%d ms before is %j', (ms, want) => expect(until(at, now - ms)).toBe(want))

  it('is nothing where nothing is to come', () => {
    expect(until(undefined, now)).toBeUndefined()
    expect(until('0001-01-01T00:00:00Z', now)).toBeUndefined()
  })
})
