import { Alert, Button, Group, Select, Text } from '@mantine/core'
import { IconPlugConnectedX } from '@tabler/icons-react'
import type { Choices } from '../../api'
import { useApplications } from '../../stream/StreamProvider'
import { choose as take } from './choice'

interface Props {
  org: string
  env: string
  path: string
  messages: string[]
  choices: Choices
  choose?: (choices: Choices) => void
}

/** A dependency that is in the way before any tree could be drawn, with the ways round it. */
export function Loose({ org, env, path, messages, choices, choose }: Props) {
  const here = (useApplications(org).data ?? []).filter((each) => each.environment === env)
  const chosen = choices[path]
  return (
    <Alert color="red" variant="outline" icon={<IconPlugConnectedX size={18} />} title={`It needs ${path}, and cannot get it like this`} role="alert">
      {messages.map((message) => (
        <Text key={message} size="sm" c="var(--mantine-color-text)">
          {message}
        </Text>
      ))}
      {choose && (
        <Group mt="xs" align="flex-end" gap="sm">
          <Select
            size="xs"
            label="Use one that is there"
            placeholder={here.length === 0 ? `Nothing runs in ${env}` : 'Choose an Application'}
            data={here.map((each) => ({ value: each.name, label: `${each.name} (${each.blueprint.name} ${each.blueprint.version})` }))}
            value={chosen?.use === 'existing' ? (chosen.application ?? null) : null}
            onChange={(name) => name && choose(take(choices, path, `existing/${name}`))}
            disabled={here.length === 0}
            searchable
            style={{ flex: '0 1 320px' }}
          />
          {chosen?.use !== 'new' && (
            <Button size="xs" variant="default" onClick={() => choose(take(choices, path, 'new'))}>
              Create one for it alone
            </Button>
          )}
          {chosen && (
            <Button size="xs" variant="subtle" onClick={() => choose(take(choices, path, 'planned'))}>
              Take my choice back
            </Button>
          )}
        </Group>
      )}
    </Alert>
  )
}
