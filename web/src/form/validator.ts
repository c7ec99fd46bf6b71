import { Validator, type OutputUnit, type Schema } from '@cfworker/json-schema'
import {
  createErrorHandler,
  getDefaultFormState,
  toErrorSchema,
  unwrapErrorHandler,
  validationDataMerge,
  type CustomValidator,
  type ErrorTransformer,
  type RJSFSchema,
  type RJSFValidationError,
  type UiSchema,
  type ValidatorType,
} from '@rjsf/utils'
import { sentence } from './sentence'

// rjsf ships an adapter for ajv, which compiles schemas with `eval`; our Content-Security-Policy forbids that. This one
// interprets them.

const draft = '2020-12'

// Errors that only say that something beneath them is wrong.
const wrappers = new Set(['if', 'properties', 'patternProperties', 'additionalProperties', 'unevaluatedProperties', '$ref', 'allOf'])

const compiled = new WeakMap<object, WeakMap<object, Validator>>()

/** Compiles a schema; a part of one finds the definitions of its root. */
function compile(schema: RJSFSchema, root: RJSFSchema): Validator {
  const ofRoot = compiled.get(root) ?? new WeakMap<object, Validator>()
  compiled.set(root, ofRoot)
  const known = ofRoot.get(schema)
  if (known) return known
  const definitions = schema === root ? {} : { $defs: root.$defs, definitions: root.definitions }
  // The library notes absolute addresses in the schema, so it gets a copy. `undefined` does not survive the copy.
  const copy = JSON.parse(JSON.stringify({ ...definitions, ...schema })) as Schema
  const validator = new Validator(copy, draft, false)
  ofRoot.set(schema, validator)
  return validator
}

/** A form holds `undefined` where nothing was filled in; JSON has no such thing. */
function asJson(data: unknown): unknown {
  return data === undefined ? {} : JSON.parse(JSON.stringify(data))
}

function leaves(errors: OutputUnit[]): OutputUnit[] {
  return errors.filter((error) => {
    if (wrappers.has(error.keyword)) return false
    const beneath = `${error.keywordLocation}/`
    return !errors.some((other) => other !== error && other.keywordLocation.startsWith(beneath))
  })
}

const unescape = (token: string) => decodeURIComponent(token).replaceAll('~1', '/').replaceAll('~0', '~')

/** "#/a/0/b" as rjsf writes it: ".a.0.b". */
function propertyOf(instanceLocation: string): string {
  return instanceLocation
    .split('/')
    .slice(1)
    .map((token) => `.${unescape(token)}`)
    .join('')
}

function toRjsf(error: OutputUnit, schema: RJSFSchema): RJSFValidationError {
  const missing = error.keyword === 'required' ? /required property "(.*)"\.$/.exec(error.error)?.[1] : undefined
  const property = propertyOf(error.instanceLocation) + (missing ? `.${missing}` : '')
  const message = sentence(error, schema)
  return { name: error.keyword, property, message, params: {}, stack: `${property.slice(1)} ${message}`.trim(), schemaPath: error.keywordLocation }
}

function run(schema: RJSFSchema, formData: unknown): RJSFValidationError[] {
  const { errors } = compile(schema, schema).validate(asJson(formData))
  const seen = new Set<string>()
  return leaves(errors)
    .map((error) => toRjsf(error, schema))
    .filter(({ stack }) => !seen.has(stack) && seen.add(stack))
}

export const validator: ValidatorType = {
  validateFormData(
    formData: unknown,
    schema: RJSFSchema,
    customValidate?: CustomValidator,
    transformErrors?: ErrorTransformer,
    uiSchema?: UiSchema,
  ) {
    let errors = run(schema, formData)
    if (transformErrors) errors = transformErrors(errors, uiSchema)
    const result = { errors, errorSchema: toErrorSchema(errors) }
    if (!customValidate) return result
    const complete = getDefaultFormState(validator, schema, formData, schema, true)
    const handler = customValidate(complete, createErrorHandler(complete), uiSchema, result.errorSchema)
    return validationDataMerge(result, unwrapErrorHandler(handler))
  },

  isValid(schema: RJSFSchema, formData: unknown, rootSchema: RJSFSchema): boolean {
    try {
      return compile(schema, rootSchema).validate(asJson(formData)).valid
    } catch {
      return false // rjsf asks about parts of schemas; one that cannot be read matches nothing
    }
  },

  rawValidation(schema: RJSFSchema, formData?: unknown) {
    try {
      return { errors: run(schema, formData) as never[] }
    } catch (error) {
      return { validationError: error instanceof Error ? error : new Error(String(error)) }
    }
  },
}
