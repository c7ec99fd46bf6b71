import { describe, expect, it } from 'vitest'
import { newest, versionOptions } from './versions'

const v = (version: string, installable = true, reason?: string) => ({ version, installable, reason })

describe('newest', () => {
  it('is what a person may go up to', () => {
    expect(newest([v('3.0.0', false), v('2.0.0'), v('1.0.0')], '1.0.0')).toBe('2.0.0')
    expect(newest([v('2.0.0'), v('1.0.0')], '2.0.0')).toBeUndefined()
    expect(newest([v('3.0.0', false), v('2.0.0')], '2.0.0')).toBeUndefined()
  })

  it('is not offered where versions cannot be compared, or are not meant for everybody', () => {
    expect(newest([v('2.0.0')], '0.9.0')).toBeUndefined()
    expect(newest([], '1.0.0')).toBeUndefined()
    expect(newest([v('2.0.0-rc.1'), v('1.0.0')], '1.0.0')).toBeUndefined()
  })
})

describe('versionOptions', () => {
  it('say what each is, and why one cannot be chosen', () => {
    expect(versionOptions([v('3.0.0', false, 'is not signed'), v('2.0.0'), v('1.0.0'), v('0.9.0')], '1.0.0')).toEqual([
      { value: '3.0.0', label: '3.0.0: newer, is not signed', disabled: true },
      { value: '2.0.0', label: '2.0.0: newer', disabled: false },
      { value: '1.0.0', label: '1.0.0: runs now', disabled: true },
      { value: '0.9.0', label: '0.9.0: older', disabled: false },
    ])
  })
})
