import { Text } from '@mantine/core'
import { IconUsersGroup } from '@tabler/icons-react'
import { Navigate } from '@tanstack/react-router'
import { usePerson } from '../features/session/useSession'
import { Message } from '../ui/Message'
import { ButtonLink } from '../ui/links'
import { useOrganizations } from './organization'

export function Home() {
  const { current } = useOrganizations()
  if (!current) return <NoOrganization />
  return <Navigate to="/organizations/$org/applications" params={{ org: current }} replace />
}

/** What somebody sees who belongs nowhere yet. */
export function NoOrganization() {
  const person = usePerson()
  const named = [...new Set((person.roles ?? []).map((role) => role.organization).filter(Boolean))]
  return (
    <Message
      level={1}
      icon={IconUsersGroup}
      title={`Welcome, ${person.name || person.email}`}
      actions={
        <ButtonLink to="/marketplace" variant="default">
          Look at the marketplace
        </ButtonLink>
      }
    >
      {named.length > 0 ? (
        <Text>
          You have a role in {named.join(', ')}, but this Sovereign has no Organization of that name. A sovereign-admin can create it by a commit to <code>system/catalyst-config</code>.
        </Text>
      ) : (
        <Text>You have no role in any Organization yet. Ask an org-admin to add {person.email} to one; then sign out and in again.</Text>
      )}
    </Message>
  )
}
