import { describe, expect, it } from 'vitest'
import { partsOf, sortErrors } from './serverErrors'

describe('partsOf', () => {
  it.each([
    ['/values/ui/color', ['values', 'ui', 'color']],
    ['#/values/a~1b', ['values', 'a/b']],
    ['body.values.replicas', ['values', 'replicas']],
    ['body.values.tags[0]', ['values', 'tags', '0']],
    ['', []],
  ])('splits %j', (location, want) => expect(partsOf(location)).toEqual(want))
})

describe('sortErrors', () => {
  it('puts each error where it is shown', () => {
    const sorted = sortErrors(
      [
        { location: '/values/ui/color', message: 'no' },
        { location: '/values/ui/color', message: 'nor that' },
        { location: '/name', message: 'taken' },
        { location: '/elsewhere', message: 'odd' },
        { message: 'nowhere' },
      ],
      ['name'],
    )
    expect(sorted.values).toEqual({ ui: { color: { __errors: ['no', 'nor that'] } } })
    expect(sorted.fields).toEqual({ name: 'taken' })
    expect(sorted.rest.map((error) => error.message)).toEqual(['odd', 'nowhere'])
  })

  it('cannot be led astray by a field called __proto__', () => {
    sortErrors([{ location: '/values/__proto__/polluted', message: 'x' }], [])
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })
})
