import { getDefaultFormState, type RJSFSchema } from '@rjsf/utils'
import type { JsonSchema, Values } from '../api'
import { validator } from './validator'

const isObject = (value: unknown): value is Values => typeof value === 'object' && value !== null && !Array.isArray(value)

const same = (a: unknown, b: unknown): boolean => {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((each, i) => same(each, b[i]))
  if (!isObject(a) || !isObject(b)) return a === b
  const keys = new Set([...Object.keys(a), ...Object.keys(b)])
  return [...keys].every((key) => same(a[key], b[key]))
}

/** What a local reference stands for: "#/$defs/db". */
function resolve(schema: JsonSchema, root: JsonSchema): JsonSchema {
  const { $ref, ...beside } = schema
  if (typeof $ref !== 'string' || !$ref.startsWith('#/')) return schema
  const found = $ref
    .slice(2)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>((node, token) => (isObject(node) && Object.hasOwn(node, token) ? node[token] : undefined), root)
  return isObject(found) ? { ...found, ...beside } : schema
}

/** The schema with other defaults: those of a size. What they do not name keeps the author's. */
export function withDefaults(schema: JsonSchema, defaults: Values, root = schema): JsonSchema {
  const resolved = resolve(schema, root)
  const properties = isObject(resolved.properties) ? { ...resolved.properties } : {}
  for (const [key, value] of Object.entries(defaults)) {
    const child = Object.hasOwn(properties, key) ? properties[key] : undefined
    if (!isObject(child)) continue
    const { default: _, ...rest } = resolve(child, root)
    properties[key] = isObject(value) && isObject(rest.properties) ? withDefaults(resolve(child, root), value, root) : { ...rest, default: value }
  }
  return { ...resolved, properties }
}

/** The settings where nobody says anything. */
export function defaultsOf(schema: JsonSchema | null | undefined): Values {
  if (!schema) return {}
  const state: unknown = getDefaultFormState(validator, schema as RJSFSchema, {}, schema as RJSFSchema)
  return isObject(state) ? state : {}
}

/**
 * What a person decided: the settings that differ from the defaults, and those that stood there explicitly before. Only
 * these go to Git, so that another size, or a new version, can still change the rest.
 */
export function decided(values: Values, defaults: Values, explicit: Values = {}): Values {
  const out: Values = {}
  for (const [key, value] of Object.entries(values)) {
    const usual = Object.hasOwn(defaults, key) ? defaults[key] : undefined
    const before = Object.hasOwn(explicit, key) ? explicit[key] : undefined
    if (value === undefined) continue
    if (isObject(value)) {
      const inner = decided(value, isObject(usual) ? usual : {}, isObject(before) ? before : {})
      if (Object.keys(inner).length > 0 || (usual === undefined && before !== undefined)) out[key] = inner
    } else if (before !== undefined || !same(value, usual)) {
      out[key] = value
    }
  }
  return out
}

/** Settings over their defaults, group by group. */
export function over(defaults: Values, values: Values): Values {
  const out = { ...defaults }
  for (const [key, value] of Object.entries(values)) {
    const usual = Object.hasOwn(out, key) ? out[key] : undefined
    out[key] = isObject(value) && isObject(usual) ? over(usual, value) : value
  }
  return out
}

/** Settings after somebody else changed them: theirs, with what the person changed on top. */
export interface Rebased {
  values: Values
  /** What only they changed, which is kept. */
  theirs: string[]
  /** What both changed, where the person's stands. */
  both: string[]
}

export function rebase(base: Values, mine: Values, now: Values, prefix = ''): Rebased {
  const out: Rebased = { values: {}, theirs: [], both: [] }
  for (const key of new Set([...Object.keys(now), ...Object.keys(mine), ...Object.keys(base)])) {
    const path = prefix + key
    const [was, my, their] = [base[key], mine[key], now[key]]
    if (isObject(my) && isObject(their)) {
      const inner = rebase(isObject(was) ? was : {}, my, their, `${path}.`)
      out.values[key] = inner.values
      out.theirs.push(...inner.theirs)
      out.both.push(...inner.both)
      continue
    }
    const iChanged = !same(was, my)
    const theyChanged = !same(was, their)
    if (theyChanged && !same(my, their)) (iChanged ? out.both : out.theirs).push(path)
    const value = iChanged ? my : their
    if (value !== undefined) out.values[key] = value
  }
  return out
}
