import type { FieldError, Moved, ProblemBody } from './types'

/** Problem is an answer of the API that is not the one we asked for, or no answer at all (status 0). */
export class Problem extends Error {
  readonly status: number
  readonly code: string
  readonly title: string
  readonly errors: FieldError[]
  readonly suggestion?: string
  readonly moved?: Moved
  /** The Applications that need the one that was to go. */
  readonly dependents: string[]
  readonly hint?: string

  constructor(body: Partial<ProblemBody> & { status: number }) {
    super(body.detail || body.title || `The server answered ${body.status}.`)
    this.name = 'Problem'
    this.status = body.status
    this.code = body.code ?? 'unknown'
    this.title = body.title ?? 'Error'
    this.errors = body.errors ?? []
    this.suggestion = body.suggestion || undefined
    this.moved = body.moved ?? undefined
    this.dependents = body.dependents ?? []
    this.hint = body.hint || undefined
  }

  /** True where trying again later can help: the service is down, starting or overloaded. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500
  }
}

export function unreachable(): Problem {
  return new Problem({
    status: 0,
    code: 'unreachable',
    title: 'No answer',
    detail: 'The Sovereign does not answer. It may be starting, or the network in between is down.',
  })
}

export async function problemOf(response: Response): Promise<Problem> {
  const fallback = { status: response.status, title: response.statusText || `Status ${response.status}` }
  try {
    const body: unknown = await response.json()
    return new Problem({ ...fallback, ...(body as Partial<ProblemBody>), status: response.status })
  } catch {
    return new Problem(fallback)
  }
}

/** Turns anything that was thrown into a Problem, so that one component can show it. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  return new Problem({ status: 0, code: 'console', title: 'Error', detail: error instanceof Error ? error.message : String(error) })
}
