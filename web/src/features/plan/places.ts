import type { ErrorSchema } from '@rjsf/utils'
import type { FieldError, Problem } from '../../api'
import { partsOf, sortErrors } from '../../form/serverErrors'

/** Where a person reads what the server has against a plan. */
export interface Places {
  fields: { name?: string; environment?: string; organization?: string; version?: string; size?: string; commit?: string }
  /** For the form of settings. */
  values: ErrorSchema | undefined
  /** By the path of the dependency. */
  dependencies: Record<string, string[]>
  /** What has no place of its own. */
  rest: FieldError[]
}

const fields = ['name', 'environment', 'organization', 'version', 'size', 'commit'] as const
type Field = (typeof fields)[number]

const ofCode: Record<string, Field> = {
  invalid_name: 'name',
  name_taken: 'name',
  environment_not_found: 'environment',
  version_not_found: 'version',
  version_refused: 'version',
  upgrade_refused: 'version',
  commit_not_found: 'commit',
}

const isField = (name: string | undefined): name is Field => fields.includes(name as Field)

/** The dependency that a location such as "/choices/db~1backup/application" is about; "" if it is about none. */
function dependencyOf(parts: string[], known: string[]): string {
  if (parts[0] !== 'choices' && parts[0] !== 'dependencies') return ''
  for (let end = parts.length; end > 1; end--) {
    const path = parts.slice(1, end).join('/')
    if (known.includes(path)) return path
  }
  return parts.slice(1).join('/').replace(/\/(use|name|application)$/, '')
}

/** Sorts a refusal to the places that it is about; known are the paths of the dependencies that are drawn. */
export function placesOf(problem: Problem | null | undefined, known: string[]): Places {
  const places: Places = { fields: {}, values: undefined, dependencies: {}, rest: [] }
  if (!problem) return places
  const settings: FieldError[] = []
  for (const error of problem.errors) {
    const parts = partsOf(error.location ?? '')
    const field = parts[0] === 'application' ? 'name' : parts[0]
    const path = dependencyOf(parts, known)
    if (path) places.dependencies[path] = [...(places.dependencies[path] ?? []), error.message]
    else if (isField(field)) places.fields[field] ??= error.message
    else if (field === 'values') settings.push(error)
    else places.rest.push(error)
  }
  const sorted = sortErrors(settings, [])
  places.values = sorted.values
  places.rest.push(...sorted.rest)
  const field = ofCode[problem.code]
  if (field) places.fields[field] ??= problem.message
  return places
}

/** True where there is something to mend in the form of settings. */
export const aboutSettings = (problem: Problem) =>
  ['invalid_values', 'plain_secret'].includes(problem.code) || placesOf(problem, []).values !== undefined
