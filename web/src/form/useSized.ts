import { useMemo } from 'react'
import type { BlueprintDetail } from '../api'
import { defaultsOf, withDefaults } from './defaults'

/** The settings of a Blueprint with the defaults of a size, and what these defaults are. */
export function useSized(detail: Pick<BlueprintDetail, 'configSchema' | 'sizes'> | undefined, size: string | undefined) {
  const { configSchema, sizes } = detail ?? {}
  return useMemo(() => {
    const values = sizes?.find((each) => each.name === size)?.values
    const schema = configSchema && values ? withDefaults(configSchema, values) : configSchema
    return { schema, defaults: defaultsOf(schema) }
  }, [configSchema, sizes, size])
}
