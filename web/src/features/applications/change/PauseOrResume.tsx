import { Text } from '@mantine/core'
import { PlanStep } from '../../plan/PlanStep'
import { usePlan } from '../../plan/usePlan'
import type { ChangeProps } from './common'

export function PauseOrResume({ org, application, done, back, action }: ChangeProps & { action: 'pause' | 'resume' }) {
  const { name: app, environment: env = '' } = application
  const planning = usePlan(org, { action, application: app, environment: env }, done)
  return (
    <>
      <Text maw={720}>
        {action === 'pause'
          ? `What runs keeps running, and commits still reach Git. They are not applied in ${env} until somebody resumes it.`
          : `What Git says now is applied in ${env} again, with everything that was committed meanwhile.`}
      </Text>
      <PlanStep org={org} env={env} planning={planning} back={back} />
    </>
  )
}
