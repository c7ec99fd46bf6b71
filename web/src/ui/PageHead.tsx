import { Group, Text, Title } from '@mantine/core'
import { useEffect, type ReactNode } from 'react'

/** The head of a page: its title (also of the browser's tab), a line about it, what can be done. */
export function PageHead({ title, lead, actions, before }: { title: string; lead?: ReactNode; actions?: ReactNode; before?: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Catalyst`
  }, [title])
  return (
    <Group justify="space-between" align="flex-start" mb="lg" gap="md">
      <Group gap="md" align="center" wrap="nowrap" style={{ minWidth: 0, flex: '1 1 280px' }}>
        {before}
        <div style={{ minWidth: 0 }}>
          <Title order={1} style={{ overflowWrap: 'anywhere' }}>
            {title}
          </Title>
          {lead && (
            <Text c="dimmed" mt={2} component="div">
              {lead}
            </Text>
          )}
        </div>
      </Group>
      {actions && <Group gap="sm">{actions}</Group>}
    </Group>
  )
}
