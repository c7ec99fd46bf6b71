import { Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, operationsQuery } from '../../api'
import { ProblemAlert } from '../../ui/Trouble'

interface Props {
  org: string
  env: string
  app: string
}

export function Uninstall({ org, env, app }: Props) {
  const [open, setOpen] = useState(false)
  return (
    <>
      <Button variant="default" onClick={() => setOpen(true)}>
        Uninstall
      </Button>
      <Modal opened={open} onClose={() => setOpen(false)} title={`Uninstall ${app} from ${env}`} size="md">
        <Confirm org={org} env={env} app={app} close={() => setOpen(false)} />
      </Modal>
    </>
  )
}

function Confirm({ org, env, app, close }: Props & { close: () => void }) {
  const client = useQueryClient()
  const [typed, setTyped] = useState('')
  const uninstall = useMutation({
    mutationFn: () => api.uninstall(org, env, app),
    onSuccess: (operation) => {
      client.setQueryData(operationsQuery(org).queryKey, (old) =>
        old?.some((each) => each.name === operation.name) ? old : [operation, ...(old ?? [])],
      )
      close()
    },
  })
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        if (typed === app) uninstall.mutate()
      }}
    >
      <Stack gap="md">
        <Text>
          Everything that {app} runs in <b>{env}</b> is removed, and data that only lives there is lost with it.
        </Text>
        <Text>
          What stays: the repository{' '}
          <code>
            {org}/{app}
          </code>{' '}
          with its whole history, and {app} in any other Environment.
        </Text>
        <TextInput
          label={
            <>
              Type <code>{app}</code> to confirm
            </>
          }
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
          autoComplete="off"
          spellCheck={false}
          data-autofocus
        />
        {uninstall.error && <ProblemAlert error={uninstall.error} title="It was not uninstalled" />}
        <Group justify="flex-end">
          <Button variant="default" onClick={close}>
            Keep it
          </Button>
          <Button type="submit" color="red.9" disabled={typed !== app} loading={uninstall.isPending}>
            Uninstall
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
