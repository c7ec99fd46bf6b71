import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import { api } from './endpoints'

// What the stream keeps fresh is never read again on its own; see src/stream/cache.ts.
const streamed = { staleTime: Number.POSITIVE_INFINITY, refetchOnWindowFocus: false, refetchOnReconnect: false } as const

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: ({ signal }) => api.session(signal),
  staleTime: 60_000,
})

export const bootstrapQuery = queryOptions({
  queryKey: ['bootstrap'],
  queryFn: ({ signal }) => api.bootstrap(signal),
  staleTime: 5_000,
  retry: false,
})

export const sovereignQuery = queryOptions({
  queryKey: ['sovereign'],
  queryFn: ({ signal }) => api.sovereign(signal),
  staleTime: 15_000,
  refetchInterval: 30_000,
})

export const organizationsQuery = queryOptions({
  queryKey: ['organizations'],
  queryFn: ({ signal }) => api.organizations(signal),
  staleTime: 30_000,
})

export const environmentsQuery = (org: string) =>
  queryOptions({
    queryKey: ['environments', org],
    queryFn: ({ signal }) => api.environments(org, signal),
    staleTime: 30_000,
  })

export const applicationsQuery = (org: string) =>
  queryOptions({ queryKey: ['applications', org], queryFn: ({ signal }) => api.applications(org, signal), ...streamed })

export const operationsQuery = (org: string) =>
  queryOptions({ queryKey: ['operations', org], queryFn: ({ signal }) => api.operations(org, signal), ...streamed })

export const activitiesKey = (org: string) => ['activity', org] as const

export const activityQuery = (org: string, env: string) =>
  queryOptions({
    queryKey: [...activitiesKey(org), env],
    queryFn: ({ signal }) => api.activity(org, env, signal),
    enabled: env !== '',
    ...streamed,
  })

// The stream carries what was set aside, and who uses a Blueprint, of one Organization only: the others' is read now and then.
export const setAsideQuery = queryOptions({
  queryKey: ['set-aside'],
  queryFn: ({ signal }) => api.setAside(signal),
  refetchInterval: 15_000,
})

export const blueprintUsesKey = ['blueprint-uses'] as const

export const blueprintUsesQuery = (name: string) =>
  queryOptions({
    queryKey: [...blueprintUsesKey, name],
    queryFn: ({ signal }) => api.blueprintUses(name, signal),
    staleTime: 15_000,
    refetchInterval: 30_000,
  })

export const blueprintsQuery = queryOptions({
  queryKey: ['blueprints'],
  queryFn: ({ signal }) => api.blueprints(signal),
  staleTime: 30_000,
})

export const blueprintQuery = (name: string) =>
  queryOptions({
    queryKey: ['blueprints', name],
    queryFn: ({ signal }) => api.blueprint(name, signal),
    staleTime: 30_000,
  })

export const blueprintVersionQuery = (name: string, version: string) =>
  queryOptions({
    queryKey: ['blueprints', name, version],
    queryFn: ({ signal }) => api.blueprintVersion(name, version, signal),
    staleTime: 300_000,
    enabled: version !== '',
  })

export const valuesQuery = (org: string, env: string, app: string) =>
  queryOptions({
    queryKey: ['values', org, env, app],
    queryFn: ({ signal }) => api.values(org, env, app, signal),
    // A form must not change under the hands of the person who fills it in.
    ...streamed,
    gcTime: 0,
  })

/** The whole history of Operations, page by page; the stream knows only the newest. */
export const operationHistoryQuery = (org: string) =>
  infiniteQueryOptions({
    queryKey: ['operation-history', org],
    queryFn: ({ pageParam, signal }) => api.operationsPage(org, pageParam, signal),
    initialPageParam: '',
    getNextPageParam: (page) => page.next || undefined,
    gcTime: 0,
  })
