import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, asProblem, operationsQuery, type InstallPlan, type Operation, type PlanRequest } from '../../api'

/** Has the server plan what is asked for, anew whenever that changes, and has the plan carried out. */
export function usePlan(org: string, request: PlanRequest | null, done: (operation: Operation) => void) {
  const client = useQueryClient()
  const query = useQuery({
    queryKey: ['plan', org, request],
    queryFn: ({ signal }) => api.plan(org, request as PlanRequest, signal),
    enabled: request !== null,
    retry: (count, failure) => asProblem(failure).passing && count < 2,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  })
  // The last plan stays in sight while another is made, and while what was changed cannot be planned.
  const [last, setLast] = useState<InstallPlan>()
  if (query.data && query.data !== last) setLast(query.data)
  const apply = useMutation({
    mutationFn: (plan: InstallPlan) => api.carryOut(org, plan.id),
    onSuccess: (operation) => {
      client.setQueryData(operationsQuery(org).queryKey, (old) =>
        old?.some((each) => each.name === operation.name) ? old : [operation, ...(old ?? [])],
      )
      done(operation)
    },
  })
  const { refetch } = query
  const { reset } = apply
  return {
    plan: query.data ?? last,
    /** The plan is that of what is asked for now. */
    current: query.data !== undefined && !query.isFetching && !query.error,
    planning: query.isFetching,
    plannedAt: query.dataUpdatedAt,
    refused: query.error,
    // What is said of another plan than the one in sight is over.
    failed: apply.variables?.id === query.data?.id ? apply.error : null,
    carryingOut: apply.isPending || apply.isSuccess,
    carryOut: () => query.data && apply.mutate(query.data),
    again: () => {
      reset()
      void refetch()
    },
  }
}

export type Planning = ReturnType<typeof usePlan>
