import { describe, expect, it } from 'vitest'
import type { JsonSchema } from '../api'
import { decided, defaultsOf, over, rebase, withDefaults } from './defaults'
import { phrases } from './phrases'

const schema: JsonSchema = {
  type: 'object',
  properties: {
    replicas: { type: 'integer', default: 2 },
    message: { type: 'string', default: 'Hello' },
    resources: { $ref: '#/$defs/resources' },
  },
  $defs: { resources: { type: 'object', properties: { memory: { type: 'string', default: '64Mi' }, cpu: { type: 'string', default: '50m' } } } },
}
const large = { replicas: 6, resources: { memory: '1Gi' }, unknown: true }

describe('withDefaults', () => {
  it('has a size set what it names, through references, and nothing else', () => {
    expect(defaultsOf(withDefaults(schema, large))).toEqual({ replicas: 6, message: 'Hello', resources: { memory: '1Gi', cpu: '50m' } })
  })

  it('leaves the schema as it was', () => {
    const before = JSON.stringify(schema)
    withDefaults(schema, large)
    expect(JSON.stringify(schema)).toBe(before)
    expect(defaultsOf(schema)).toEqual({ replicas: 2, message: 'Hello', resources: { memory: '64Mi', cpu: '50m' } })
  })
})

describe('decided', () => {
  const defaults = defaultsOf(schema)

  it('is what differs from the defaults', () => {
    expect(decided({ ...defaults, replicas: 3 }, defaults)).toEqual({ replicas: 3 })
    expect(decided({ ...defaults, resources: { memory: '64Mi', cpu: '1' } }, defaults)).toEqual({ resources: { cpu: '1' } })
    expect(decided(defaults, defaults)).toEqual({})
  })

  it('keeps what Git says explicitly, also where it is the default', () => {
    expect(decided(defaults, defaults, { replicas: 5 })).toEqual({ replicas: 2 })
  })

  it('lets another size set what the person left alone', () => {
    const sized = defaultsOf(withDefaults(schema, large))
    const mine = decided({ ...defaults, message: 'Hi' }, defaults)
    expect(over(sized, mine)).toEqual({ replicas: 6, message: 'Hi', resources: { memory: '1Gi', cpu: '50m' } })
  })

  it('has a way back', () => {
    const values = { replicas: 3, message: 'Hello', resources: { memory: '64Mi', cpu: '1' } }
    expect(over(defaults, decided(values, defaults))).toEqual(values)
  })

  it('does not send what was never filled in', () => expect(decided({ host: undefined, tags: [] }, { tags: [] })).toEqual({}))
})

describe('phrases', () => {
  it('are short', () => expect(phrases({ replicas: 3, resources: { memory: '1Gi' }, tags: ['a', 'b'] })).toEqual(['replicas 3', 'resources.memory 1Gi', 'tags a, b']))
})

describe('rebase', () => {
  const base = { replicas: 2, color: 'red', ui: { theme: 'light', logo: 'a' } }

  it('keeps what the person typed and what somebody else changed', () => {
    expect(rebase(base, { ...base, color: 'blue' }, { ...base, replicas: 4 })).toEqual({ values: { ...base, color: 'blue', replicas: 4 }, theirs: ['replicas'], both: [] })
  })

  it('says where both changed the same, and lets the person win', () => {
    const mine = { ...base, ui: { theme: 'dark', logo: 'a' } }
    const theirs = { ...base, ui: { theme: 'blue', logo: 'b' } }
    expect(rebase(base, mine, theirs)).toEqual({ values: { ...base, ui: { theme: 'dark', logo: 'b' } }, theirs: ['ui.logo'], both: ['ui.theme'] })
  })

  it('is no quarrel where both say the same', () => {
    expect(rebase(base, { ...base, replicas: 4 }, { ...base, replicas: 4 })).toMatchObject({ theirs: [], both: [] })
  })

  it('removes what was removed', () => {
    const { color: _, ...without } = base
    expect(rebase(base, without, base).values).toEqual(without)
    expect(rebase(base, base, without)).toMatchObject({ values: without, theirs: ['color'] })
  })
})
