import type { ErrorSchema } from '@rjsf/utils'
import type { FieldError } from '../api'

export interface SortedErrors {
  /** For the fields of the settings form, as rjsf takes them. */
  values: ErrorSchema | undefined
  /** For the other fields of the request, by their name: "name", "environment". */
  fields: Record<string, string>
  /** What belongs to no field that the person sees. */
  rest: FieldError[]
}

interface Branch {
  __errors?: string[]
  [key: string]: Branch | string[] | undefined
}

/** Splits "/values/ui/color" (or huma's "body.values.ui.color") into its parts. */
export function partsOf(location: string): string[] {
  if (location.startsWith('/') || location.startsWith('#/')) {
    return location
      .slice(location.indexOf('/') + 1)
      .split('/')
      .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
  }
  const parts = location.split(/[.[\]]+/).filter(Boolean)
  return parts[0] === 'body' ? parts.slice(1) : parts
}

/** Sorts the field errors of a Problem to where they are shown. */
export function sortErrors(errors: FieldError[], fields: string[]): SortedErrors {
  const sorted: SortedErrors = { values: undefined, fields: {}, rest: [] }
  for (const error of errors) {
    const [first, ...path] = partsOf(error.location ?? '')
    if (first === 'values' && path.length > 0) {
      sorted.values ??= {} as ErrorSchema
      put(sorted.values as Branch, path, error.message)
    } else if (first && fields.includes(first)) {
      sorted.fields[first] = error.message
    } else {
      sorted.rest.push(error)
    }
  }
  return sorted
}

function put(root: Branch, path: string[], message: string): void {
  let node = root
  for (const token of path) {
    if (!Object.hasOwn(node, token)) node[token] = {}
    node = node[token] as Branch
  }
  node.__errors = [...(node.__errors ?? []), message]
}
