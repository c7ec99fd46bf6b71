import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { bootstrapQuery, type Bootstrap } from '../../api'
import { readStream } from '../../stream/connection'

/** The Sovereign's start, live: by the stream, and by asking every two seconds while there is none. */
export function useBootstrap() {
  const client = useQueryClient()
  const [live, setLive] = useState(false)

  useEffect(() => {
    const stop = new AbortController()
    const pause = () => new Promise((resolve) => setTimeout(resolve, 2000))
    const follow = async () => {
      while (!stop.signal.aborted) {
        await readStream({
          url: '/api/v1/bootstrap/stream',
          signal: stop.signal,
          onEvent: ({ event, data }) => {
            if (event !== 'bootstrap' && event !== 'message') return
            setLive(true)
            client.setQueryData(bootstrapQuery.queryKey, JSON.parse(data) as Bootstrap)
          },
        }).catch(() => undefined) // it is said on the page, and polled for instead
        setLive(false)
        await pause()
      }
    }
    void follow()
    return () => stop.abort()
  }, [client])

  return useQuery({ ...bootstrapQuery, refetchInterval: live ? false : 2000 })
}

/** How far the start has come, from 0 to 1, weighing each step the same. */
export function progressOf(bootstrap: Bootstrap): number {
  const steps = bootstrap.steps ?? []
  if (bootstrap.ready || steps.length === 0) return bootstrap.ready ? 1 : 0
  const sum = steps.reduce((total, step) => total + (step.state === 'done' ? 1 : step.state === 'running' ? (step.progress ?? 0) : 0), 0)
  return sum / steps.length
}

/** Signing in needs the gateway and the issuer, nothing else. */
export function signInWorks(bootstrap: Bootstrap): boolean {
  if (bootstrap.ready) return true
  const running = (word: string) => (bootstrap.components ?? []).some((c) => c.name.includes(word) && c.state === 'running')
  return running('issuer') && running('gateway')
}
