import { Avatar, Badge, Button, Divider, Group, Popover, Stack, Text, UnstyledButton } from '@mantine/core'
import { IconLogout } from '@tabler/icons-react'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { api, sessionQuery, type Role } from '../../api'
import { roleTitles } from './permissions'
import { usePerson } from './useSession'

const scopeOf = (role: Role) => [role.organization, role.envType].filter(Boolean).join(' / ') || 'Sovereign'

export function PersonMenu() {
  const person = usePerson()
  const client = useQueryClient()
  const signOut = useMutation({
    mutationFn: api.signOut,
    onSettled: () => {
      // Nothing that one person read may be there for the next.
      client.clear()
      sessionStorage.clear()
      client.setQueryData(sessionQuery.queryKey, null)
      window.location.assign('/')
    },
  })
  const roles = person.roles ?? []
  return (
    <Popover position="bottom-end" width={300} shadow="md" withinPortal={false} trapFocus>
      <Popover.Target>
        <UnstyledButton aria-label={`${person.name || person.email}: roles and sign-out`} style={{ borderRadius: 99 }}>
          <Avatar name={person.name || person.email} size={32} color="iris" variant="filled" alt="" />
        </UnstyledButton>
      </Popover.Target>
      <Popover.Dropdown p={6} aria-label="You">
        <Stack gap={2} px="sm" py="xs">
          <Text fw={600}>{person.name || person.email}</Text>
          <Text size="sm" c="dimmed">
            {person.email}
          </Text>
        </Stack>
        <Divider my={4} />
        <Stack gap={8} px="sm" py="xs">
          {roles.length === 0 && (
            <Text size="sm" c="dimmed">
              You have no role yet.
            </Text>
          )}
          {roles.map((role) => (
            <div key={`${scopeOf(role)} ${role.role}`}>
              <Group gap={6} wrap="nowrap" justify="space-between">
                <Text size="sm" fw={550}>
                  {role.role}
                </Text>
                <Badge variant="default" tt="none" size="sm" fw={500}>
                  {scopeOf(role)}
                </Badge>
              </Group>
              <Text size="xs" c="dimmed">
                {roleTitles[role.role] ?? ''}
              </Text>
            </div>
          ))}
        </Stack>
        <Divider my={4} />
        <Button variant="subtle" color="gray" fullWidth justify="flex-start" leftSection={<IconLogout size={16} />} onClick={() => signOut.mutate()} loading={signOut.isPending}>
          Sign out
        </Button>
      </Popover.Dropdown>
    </Popover>
  )
}
