import type { Operation, OperationState } from '../../api'
import { changed } from '../applications/group'

export const states = ['Pending', 'Running', 'Waiting', 'Succeeded', 'Failed', 'Cancelled'] as const satisfies OperationState[]

export interface Filter {
  state?: OperationState
  application?: string
}

/** The newest of each Operation, newest first, that the filter lets through. What the stream says comes before history. */
export function select(streamed: Operation[], history: Operation[], { state, application }: Filter): Operation[] {
  const known = new Map([...history, ...streamed].map((each) => [each.name, each]))
  return [...known.values()]
    .filter((each) => (!state || each.state === state) && (!application || changed(each).includes(application)))
    .toSorted((a, b) => b.createdAt.localeCompare(a.createdAt) || a.name.localeCompare(b.name))
}

/** The Applications that there are Operations of. */
export function applicationsOf(operations: Operation[]): string[] {
  return [...new Set(operations.flatMap(changed))].toSorted((a, b) => a.localeCompare(b))
}
