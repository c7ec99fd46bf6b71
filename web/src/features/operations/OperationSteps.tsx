import { Alert, Text, Title } from '@mantine/core'
import { IconHandStop } from '@tabler/icons-react'
import { serverNow, type Operation, type Step } from '../../api'
import { lookOf, operationLook } from '../../ui/looks'
import { AnchorLink } from '../../ui/links'
import { useNow } from '../../ui/time'
import { ToneIcon } from '../../ui/Tone'
import { until } from '../plan/expiry'
import classes from './Operations.module.css'
import { byApplication, stepTitle } from './words'

/** How far an Operation is: step by step, by Application where there are several. */
export function OperationSteps({ operation }: { operation: Operation }) {
  const groups = byApplication(operation.steps ?? [])
  if (groups.length <= 1) return <Steps steps={groups[0]?.steps ?? []} label="Steps" />
  return groups.map(({ application, steps }) => (
    <div key={application} className={classes.group}>
      <Title order={3} size="sm">
        {application ? (
          <AnchorLink
            to="/organizations/$org/environments/$env/applications/$app"
            params={{ org: operation.organization ?? '', env: operation.environment ?? '', app: application }}
            inherit
          >
            {application}
          </AnchorLink>
        ) : (
          'In general'
        )}
      </Title>
      <Steps steps={steps} label={`Steps of ${application || 'the Operation'}`} />
    </div>
  ))
}

function Steps({ steps, label }: { steps: Step[]; label: string }) {
  return (
    <ol className={classes.steps} aria-label={label}>
      {steps.map((step) => (
        <li key={step.name} className={classes.step}>
          <ToneIcon look={lookOf(operationLook, step.state)} />
          <div style={{ minWidth: 0 }}>
            <Text size="sm" fw={step.state === 'Running' ? 560 : 450} c={step.state === 'Pending' ? 'dimmed' : undefined}>
              {stepTitle(step.name)}
            </Text>
            {step.message && (
              <Text size="sm" c={step.state === 'Failed' ? 'var(--bad-fg)' : 'dimmed'}>
                {step.message}
              </Text>
            )}
          </div>
        </li>
      ))}
    </ol>
  )
}

/** When an Operation that waits is tried next. It runs by the second, so it is not read out. */
export function NextTry({ operation }: { operation: Operation }) {
  useNow()
  const when = operation.state === 'Waiting' ? until(operation.nextTryAt, serverNow()) : undefined
  if (!when) return null
  return (
    <Text size="sm" mt={4} className="tabular" aria-live="off">
      Tried again {when}.
    </Text>
  )
}

/** What a person has to do. */
export function Hint({ operation: { hint } }: { operation: Operation }) {
  if (!hint) return null
  return (
    <Alert mt="sm" color="orange" variant="outline" icon={<IconHandStop size={18} />} title="What you can do">
      <Text size="sm" c="var(--mantine-color-text)">
        {hint}
      </Text>
    </Alert>
  )
}
