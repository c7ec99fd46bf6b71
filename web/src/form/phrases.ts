import type { Values } from '../api'

const isObject = (value: unknown): value is Values => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Settings as short phrases: "replicas 3", "resources.memory 256Mi". */
export function phrases(values: Values, prefix = ''): string[] {
  return Object.entries(values).flatMap(([key, value]) =>
    isObject(value) ? phrases(value, `${prefix}${key}.`) : [`${prefix}${key} ${Array.isArray(value) ? value.map(String).join(', ') : String(value)}`],
  )
}
