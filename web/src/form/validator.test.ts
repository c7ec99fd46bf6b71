import type { RJSFSchema } from '@rjsf/utils'
import { describe, expect, it } from 'vitest'
import { validator } from './validator'

const schema: RJSFSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['host'],
  properties: {
    host: { type: 'string', minLength: 1 },
    replicas: { type: 'integer', minimum: 1, maximum: 10 },
    level: { enum: ['debug', 'info'] },
    color: { type: 'string', pattern: '^#[0-9a-f]{6}$', default: '#336699' },
    accent: { type: 'string', pattern: '^[\\p{L}]+$', 'x-message': 'must be one word' } as RJSFSchema,
    db: { $ref: '#/$defs/db' },
    tags: { type: 'array', items: { type: 'string', maxLength: 3 } },
  },
  $defs: { db: { type: 'object', required: ['user'], properties: { port: { type: 'integer', maximum: 65535 } } } },
}

const errors = (data: unknown) => validator.validateFormData(data, schema).errors.map(({ property, message }) => `${property} ${message}`)

describe('the validator', () => {
  it.each([
    ['what fits', { host: 'a', replicas: 3 }, []],
    ['what is missing', {}, ['.host must be filled in']],
    ['nothing at all', undefined, ['.host must be filled in']],
    ['a field that the form holds as undefined', { host: undefined }, ['.host must be filled in']],
    ['an empty text', { host: '' }, ['.host must be filled in']],
    ['a number out of bounds', { host: 'a', replicas: 11 }, ['.replicas must be 10 or less']],
    ['a wrong type', { host: 'a', replicas: 'x' }, ['.replicas must be a whole number']],
    ['none of a choice', { host: 'a', level: 'loud' }, ['.level must be one of: debug, info']],
    ['a text of the wrong form', { host: 'a', color: 'red' }, ['.color must look like #336699 (^#[0-9a-f]{6}$)']],
    ['what the author has words for', { host: 'a', accent: '1' }, ['.accent must be one word']],
    ['a text in any script', { host: 'a', accent: 'Ärger' }, []],
    ['what is no setting', { host: 'a', typo: 1 }, ['.typo is no setting of this Blueprint']],
    ['what is missing behind a reference', { host: 'a', db: {} }, ['.db.user must be filled in']],
    ['a bound behind a reference', { host: 'a', db: { user: 'u', port: 70_000 } }, ['.db.port must be 65535 or less']],
    ['an item of a list', { host: 'a', tags: ['ok', 'long'] }, ['.tags.1 must be at most 3 characters long']],
  ])('says of %s what is wrong', (_, data, want) => expect(errors(data)).toEqual(want))

  it('places errors where rjsf looks for them', () => {
    const { errorSchema } = validator.validateFormData({ host: 'a', db: { user: 'u', port: 70_000 } }, schema)
    expect(errorSchema).toEqual({ db: { port: { __errors: ['must be 65535 or less'] } } })
  })

  it('takes errors of the caller in', () => {
    const { errors } = validator.validateFormData({ host: 'a' }, schema, (_data, handler) => {
      handler.host?.addError('is taken')
      return handler
    })
    expect(errors.map((error) => error.message)).toContain('is taken')
  })

  it('finds the definitions of the root for a part of it', () => {
    expect(validator.isValid({ $ref: '#/$defs/db' }, { user: 'u' }, schema)).toBe(true)
    expect(validator.isValid({ $ref: '#/$defs/db' }, {}, schema)).toBe(false)
  })

  it('matches nothing with a schema that it cannot read', () => {
    expect(validator.isValid({ $ref: '#/$defs/none' }, {}, schema)).toBe(false)
  })

  it('leaves the schema as it was', () => {
    const before = JSON.stringify(schema)
    errors({})
    expect(JSON.stringify(schema)).toBe(before)
    expect(Object.keys(schema.properties?.db as object)).toEqual(['$ref'])
  })

  it('needs no eval', () => {
    const forbidden = () => {
      throw new Error('eval is forbidden by the Content-Security-Policy')
    }
    const { Function: real } = globalThis
    globalThis.Function = forbidden as unknown as FunctionConstructor
    try {
      expect(errors({ host: 'fresh' })).toEqual([])
    } finally {
      globalThis.Function = real
    }
  })
})
