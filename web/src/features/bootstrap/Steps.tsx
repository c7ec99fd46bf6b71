import { Progress, Text } from '@mantine/core'
import type { BootstrapStep } from '../../api'
import { Elapsed } from '../../ui/Ago'
import { lookOf, stepLook } from '../../ui/looks'
import { ToneIcon } from '../../ui/Tone'
import classes from './Bootstrap.module.css'

export function Steps({ steps }: { steps: BootstrapStep[] }) {
  return (
    <ol className={`surface ${classes.steps}`}>
      {steps.map((step) => (
        <li key={step.id} className={step.state === 'pending' ? `${classes.step} ${classes.later}` : classes.step} aria-current={step.state === 'running' ? 'step' : undefined}>
          <ToneIcon look={lookOf(stepLook, step.state)} size={22} />
          <div className={classes.body}>
            <span className={classes.title}>{step.title}</span>
            {step.detail && (
              <Text size="sm" c="dimmed">
                {step.detail}
              </Text>
            )}
            {step.state === 'running' && step.progress !== undefined && step.progress > 0 && (
              <Progress value={step.progress * 100} size="sm" mt={8} aria-label={`${step.title}: ${Math.round(step.progress * 100)} percent`} />
            )}
            {step.error && (
              <Text size="sm" c="var(--bad-fg)" mt={4} role="alert">
                {step.error}
              </Text>
            )}
            {step.hint && (
              <Text size="sm" mt={2}>
                What to do: {step.hint}
              </Text>
            )}
          </div>
          <Text size="sm" c="dimmed">
            {step.state === 'pending' ? 'not yet' : <Elapsed from={step.startedAt} to={step.endedAt} />}
          </Text>
        </li>
      ))}
    </ol>
  )
}
