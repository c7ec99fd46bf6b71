import type { OutputUnit } from '@cfworker/json-schema'
import type { RJSFSchema } from '@rjsf/utils'

type Node = Record<string, unknown>

function step(node: unknown, token: string, root: Node): unknown {
  if (typeof node !== 'object' || node === null) return undefined
  const value = (node as Node)[token]
  return token === '$ref' && typeof value === 'string' ? at(value, root) : value
}

/** The value at a location such as "#/properties/port/maximum", through references of the same document. */
function at(location: string, root: Node): unknown {
  return location
    .split('/')
    .slice(1)
    .map((token) => decodeURIComponent(token).replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>((node, token) => step(node, token, root), root)
}

const list = (values: unknown) => (Array.isArray(values) ? values.map(String).join(', ') : String(values))

const types: Record<string, string> = {
  string: 'a text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'on or off',
  array: 'a list',
  object: 'a group of settings',
  null: 'empty',
}

const formats: Record<string, string> = {
  email: 'an e-mail address, such as ada@acme.example',
  uri: 'an address, such as https://acme.example',
  hostname: 'a host name, such as www.acme.example',
  ipv4: 'an IPv4 address, such as 10.0.0.1',
  date: 'a date, such as 2026-11-21',
  'date-time': 'a date with time, such as 2026-11-21T08:00:00Z',
}

const sentences: Record<string, (expected: unknown) => string> = {
  required: () => 'must be filled in',
  type: (want) => `must be ${[want].flat().map((type) => types[String(type)] ?? String(type)).join(' or ')}`,
  enum: (want) => `must be one of: ${list(want)}`,
  const: (want) => `must be ${JSON.stringify(want)}`,
  minimum: (want) => `must be ${String(want)} or more`,
  maximum: (want) => `must be ${String(want)} or less`,
  exclusiveMinimum: (want) => `must be more than ${String(want)}`,
  exclusiveMaximum: (want) => `must be less than ${String(want)}`,
  multipleOf: (want) => `must be a multiple of ${String(want)}`,
  minLength: (want) => (want === 1 ? 'must be filled in' : `must be at least ${String(want)} characters long`),
  maxLength: (want) => `must be at most ${String(want)} characters long`,
  minItems: (want) => `must hold at least ${String(want)}`,
  maxItems: (want) => `must hold at most ${String(want)}`,
  uniqueItems: () => 'must not hold the same twice',
  pattern: (want) => `must have the form ${String(want)}`,
  format: (want) => `must be ${formats[String(want)] ?? `a ${String(want)}`}`,
  false: () => 'is no setting of this Blueprint',
  not: () => 'has a value that is not allowed',
  anyOf: () => 'matches none of the forms that are allowed',
  oneOf: () => 'must match exactly one of the forms that are allowed',
}

/** What is wrong, for the person who fills in the form: "must be 10 or less". */
export function sentence(error: OutputUnit, schema: RJSFSchema): string {
  const text = sentences[error.keyword]?.(at(error.keywordLocation, schema as Node)) ?? error.error
  if (error.keyword === 'required' || error.keyword === 'false') return text
  const field = at(error.keywordLocation.replace(/\/[^/]*$/, ''), schema as Node) as Node | undefined
  // The author of a Blueprint knows best how to say it.
  const said = field?.['x-message']
  if (typeof said === 'string' && said !== '') return said
  if (error.keyword !== 'pattern') return text
  const example = Array.isArray(field?.examples) ? (field.examples as unknown[])[0] : field?.default
  return example === undefined || example === '' ? text : `must look like ${String(example)} (${String(field?.pattern)})`
}
