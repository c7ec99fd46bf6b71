import { useQueryClient, useQuery } from '@tanstack/react-query'
import { createContext, useContext, useEffect, useState, type ReactNode } from 'react'
import { activityQuery, applicationsQuery, operationsQuery, sessionQuery } from '../api'
import { applyChanges, applySnapshot } from './cache'
import type { HubMessage, StreamStatus } from './hub'
import { subscribe } from './subscribe'

const StreamContext = createContext<StreamStatus | null>(null)

/** Keeps the query cache of one Organization in step with its stream for as long as it is mounted. */
export function StreamProvider({ organization, children }: { organization: string; children: ReactNode }) {
  const client = useQueryClient()
  const [status, setStatus] = useState<StreamStatus>(() => ({ phase: 'connecting', since: Date.now() }))

  useEffect(() => {
    // Messages are handled one after the other: a snapshot waits for requests that it cancels.
    let queue = Promise.resolve()
    let left = false
    const handle = async (message: HubMessage) => {
      if (left) return
      if (message.type === 'snapshot') await applySnapshot(client, organization, message.frames)
      else if (message.type === 'changes') applyChanges(client, organization, message.frames)
      else {
        setStatus(message.status)
        if (message.status.phase === 'signed-out') await client.invalidateQueries({ queryKey: sessionQuery.queryKey })
      }
    }
    const leave = subscribe(organization, (message) => {
      queue = queue.then(() => handle(message)).catch(() => undefined)
    })
    return () => {
      left = true
      leave()
    }
  }, [client, organization])

  return <StreamContext value={status}>{children}</StreamContext>
}

export function useStreamStatus(): StreamStatus | null {
  return useContext(StreamContext)
}

/** While the stream is away, its objects are read now and then instead. */
function useFallbackInterval(): number | false {
  return useStreamStatus()?.phase === 'live' ? false : 10_000
}

export function useApplications(organization: string) {
  return useQuery({ ...applicationsQuery(organization), refetchInterval: useFallbackInterval() })
}

export function useActivity(organization: string, environment: string) {
  return useQuery({ ...activityQuery(organization, environment), refetchInterval: useFallbackInterval() })
}

export function useOperations(organization: string) {
  return useQuery({ ...operationsQuery(organization), refetchInterval: useFallbackInterval() })
}
