import { Radio, Stack, Text, TextInput } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import type { Application } from '../../../api'
import { PlanStep } from '../../plan/PlanStep'
import { usePlan } from '../../plan/usePlan'
import { byStage } from '../group'
import { address, type ChangeProps } from './common'

interface Props extends ChangeProps {
  withDependencies: boolean
  everywhere: boolean
  /** The same Application in other Environments. */
  others: Application[]
}

/** Away, from here or from everywhere, with or without what was installed for it. */
export function Uninstall({ org, application, done, back, withDependencies, everywhere, others }: Props) {
  const { name: app, environment: env = '' } = application
  const navigate = useNavigate()
  const [typed, setTyped] = useState('')
  const planning = usePlan(org, { action: 'uninstall', application: app, environment: everywhere ? '' : env, withDependencies }, done)
  const needs = (application.dependsOn ?? []).map((each) => each.application)
  const go = (part: { withDependencies?: boolean; everywhere?: boolean }) => {
    setTyped('')
    void navigate({
      to: address,
      params: { org, env, app },
      search: { action: 'uninstall', withDependencies: (part.withDependencies ?? withDependencies) || undefined, everywhere: (part.everywhere ?? everywhere) || undefined },
      replace: true,
    })
  }
  const from = everywhere ? 'every Environment' : env
  return (
    <>
      <Text maw={720}>
        Everything that {app} runs in <b>{from}</b> is removed, and data that only lives there is lost with it. The repository{' '}
        <code>
          {org}/{app}
        </code>{' '}
        stays, with its whole history{others.length > 0 && !everywhere ? `, and so does ${app} in other Environments` : ''}.
      </Text>
      {others.length > 0 && (
        <Radio.Group label="From where" value={everywhere ? 'everywhere' : 'here'} onChange={(value) => go({ everywhere: value === 'everywhere' })}>
          <Stack gap={8} mt={6}>
            <Radio value="here" label={`Only ${env}`} />
            <Radio
              value="everywhere"
              label={`Everywhere: ${[env, ...others.map((each) => each.environment ?? '')].toSorted(byStage).join(', ')}`}
            />
          </Stack>
        </Radio.Group>
      )}
      {needs.length > 0 && (
        <Radio.Group label="What was installed for it alone" description={`It uses ${needs.join(', ')}.`} value={withDependencies ? 'remove' : 'keep'} onChange={(value) => go({ withDependencies: value === 'remove' })}>
          <Stack gap={8} mt={6}>
            <Radio value="keep" label="Keep it, with its data" />
            <Radio value="remove" label="Remove it too, with its data" description="Only what nobody else uses goes. The plan below says what." />
          </Stack>
        </Radio.Group>
      )}
      <PlanStep org={org} env={everywhere ? '' : env} planning={planning} verb="Uninstall" danger ready={typed === app} back={back}>
        {planning.plan && !planning.refused && (
          <TextInput
            label={
              <>
                Type <code>{app}</code> to confirm
              </>
            }
            maw={360}
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
            autoComplete="off"
            spellCheck={false}
            autoCapitalize="none"
          />
        )}
      </PlanStep>
    </>
  )
}
