import { useSuspenseQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { useEffect } from 'react'
import { organizationsQuery, type Organization } from '../api'

const remembered = 'catalyst-organization'

/** The Organizations that this person sees, and the one in whose context they are: of the address, the last, or the first. */
export function useOrganizations(): { organizations: Organization[]; current: string | undefined } {
  const { data: organizations } = useSuspenseQuery(organizationsQuery)
  const { org } = useParams({ strict: false })
  const last = localStorage.getItem(remembered)
  const known = (name: string | null | undefined) => organizations.some((each) => each.name === name)
  const current = known(org) ? org : known(last) ? (last ?? undefined) : organizations[0]?.name

  useEffect(() => {
    if (org && org === current) localStorage.setItem(remembered, org)
  }, [org, current])
  return { organizations, current }
}
