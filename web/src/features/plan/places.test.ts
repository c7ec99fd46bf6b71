import { describe, expect, it } from 'vitest'
import { Problem } from '../../api'
import { aboutSettings, placesOf } from './places'

const problem = (code: string, ...errors: { location?: string; message: string }[]) => new Problem({ status: 422, code, detail: 'It was refused.', errors })

describe('placesOf', () => {
  it('puts each word where the person can act on it', () => {
    const places = placesOf(
      problem(
        'dependencies_unresolved',
        { location: '/name', message: 'taken' },
        { location: '/values/ui/color', message: 'no colour' },
        { location: '/choices/db', message: 'no version fits' },
        { location: '/choices/db~1backup/application', message: 'there is no such Application' },
        { location: '/choices/db/backup', message: 'nor that' },
        { location: '/size', message: 'no such size' },
        { location: '/elsewhere', message: 'odd' },
        { message: 'nowhere' },
      ),
      ['db', 'db/backup'],
    )
    expect(places.fields).toEqual({ name: 'taken', size: 'no such size' })
    expect(places.values).toEqual({ ui: { color: { __errors: ['no colour'] } } })
    expect(places.dependencies).toEqual({ db: ['no version fits'], 'db/backup': ['there is no such Application', 'nor that'] })
    expect(places.rest.map((each) => each.message)).toEqual(['odd', 'nowhere'])
  })

  it('keeps what is said of a dependency that nobody has drawn yet', () => {
    expect(placesOf(problem('x', { location: '/choices/queue/name', message: 'no name' }), []).dependencies).toEqual({ queue: ['no name'] })
  })

  it('prefers a dependency that is called like a field of its choice', () => {
    expect(placesOf(problem('x', { location: '/choices/db/name', message: 'm' }), ['db', 'db/name']).dependencies).toEqual({ 'db/name': ['m'] })
  })

  it.each([
    ['name_taken', 'name'],
    ['upgrade_refused', 'version'],
    ['environment_not_found', 'environment'],
    ['commit_not_found', 'commit'],
  ])('knows what %s is about without being told', (code, field) => {
    expect(placesOf(problem(code), []).fields).toEqual({ [field]: 'It was refused.' })
  })

  it('is empty where nothing is wrong', () => {
    expect(placesOf(null, [])).toEqual({ fields: {}, values: undefined, dependencies: {}, rest: [] })
  })
})

describe('aboutSettings', () => {
  it('is true for settings and for secrets among them', () => {
    expect(aboutSettings(problem('x', { location: '/values/a', message: 'm' }))).toBe(true)
    expect(aboutSettings(problem('plain_secret'))).toBe(true)
    expect(aboutSettings(problem('name_taken'))).toBe(false)
  })
})
