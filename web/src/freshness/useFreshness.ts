import { useQuery } from '@tanstack/react-query'
import { useEffect, useState, useSyncExternalStore } from 'react'
import { sovereignQuery } from '../api'
import { useStreamStatus } from '../stream/StreamProvider'
import type { Doubt } from './freshness'
import { FreshnessWatch } from './watch'

/** What makes us doubt what is shown now. */
export function useFreshness(): Doubt[] {
  const status = useStreamStatus()
  // Without a live stream nobody brings the heartbeats: they are fetched, more often than our patience lasts.
  const { data: sovereign } = useQuery({ ...sovereignQuery, refetchInterval: status?.phase === 'live' ? 30_000 : 10_000 })
  const [watch] = useState(() => new FreshnessWatch())
  useEffect(() => watch.observe(status, sovereign), [watch, status, sovereign])
  useEffect(() => () => watch.stop(), [watch])
  return useSyncExternalStore(watch.subscribe, watch.doubts)
}
