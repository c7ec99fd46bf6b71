import { compareClocks } from './clock'
import { Problem, problemOf, unreachable } from './problem'

interface Request {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  body?: unknown
  headers?: Record<string, string>
  signal?: AbortSignal
}

/** Sends one request to our own origin and decodes the answer. Anything but 2xx is thrown as a Problem. */
export async function call<T>(path: string, { method = 'GET', body, headers, signal }: Request = {}): Promise<T> {
  let response: Response
  const sent = Date.now()
  try {
    response = await fetch(path, {
      method,
      credentials: 'same-origin',
      signal,
      headers: {
        Accept: 'application/json, application/problem+json',
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    })
  } catch (error) {
    if (signal?.aborted) throw error
    throw unreachable()
  }
  compareClocks(response.headers.get('Date'), sent, Date.now())
  if (!response.ok) throw await problemOf(response)
  if (response.status === 204) return undefined as T
  const type = response.headers.get('Content-Type') ?? ''
  if (!type.includes('json')) {
    throw new Problem({
      status: 502,
      code: 'not_json',
      title: 'Unexpected answer',
      detail: `The server answered ${path} with "${type || 'no content type'}" where JSON was expected. Is this the gateway's address?`,
    })
  }
  return (await response.json()) as T
}

/** Builds a path from a literal and encoded parts: path`/organizations/${name}`. */
export function path(strings: TemplateStringsArray, ...parts: string[]): string {
  return '/api/v1' + String.raw({ raw: strings }, ...parts.map(encodeURIComponent))
}
