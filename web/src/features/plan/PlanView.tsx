import { Alert, List, Stack, Text, Title } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import type { Affected, Choices, InstallPlan } from '../../api'
import { AnchorLink } from '../../ui/links'
import { Commits } from './Commits'
import { Manifests } from './Manifests'
import classes from './Plan.module.css'
import { Tree } from './Tree'

interface Props {
  org: string
  plan: InstallPlan
  /** False while another plan is made: this one is marked as the one before. */
  current: boolean
  choices: Choices
  problems: Record<string, string[]>
  choose?: (choices: Choices) => void
}

/** Everything that a plan would do. */
export function PlanView({ org, plan, current, choices, problems, choose }: Props) {
  const tree = plan.tree && plan.tree.depends.length > 0 ? plan.tree : undefined
  return (
    <Stack gap="md">
      <Warnings warnings={plan.warnings} />
      {tree && <Tree tree={tree} choices={choices} problems={problems} change={choose} />}
      <div className={current ? undefined : classes.stale}>
        <Stack gap="md">
          {!current && (
            <Text size="sm" c="dimmed">
              This was planned before your last change.
            </Text>
          )}
          <Commits changes={plan.changes} />
          <Manifests manifests={plan.manifests} />
          <AlsoTouched org={org} affected={plan.affected} />
        </Stack>
      </div>
    </Stack>
  )
}

function Warnings({ warnings }: { warnings: string[] }) {
  if (warnings.length === 0) return null
  return (
    <Alert color="orange" variant="outline" icon={<IconAlertTriangle size={18} />} title={warnings.length === 1 ? 'Know this first' : 'Know these first'}>
      {warnings.length === 1 ? (
        <Text size="sm" c="var(--mantine-color-text)">
          {warnings[0]}
        </Text>
      ) : (
        <List size="sm" c="var(--mantine-color-text)" spacing={4}>
          {warnings.map((warning) => (
            <List.Item key={warning}>{warning}</List.Item>
          ))}
        </List>
      )}
    </Alert>
  )
}

function AlsoTouched({ org, affected }: { org: string; affected: Affected[] }) {
  if (affected.length === 0) return null
  return (
    <section className="surface" aria-labelledby="plan-affected">
      <div className={classes.head}>
        <Title order={2} id="plan-affected" mb={6}>
          What else it touches
        </Title>
        <List size="sm" spacing={4}>
          {affected.map(({ application, environment, why }) => (
            <List.Item key={`${environment}/${application} ${why}`}>
              <AnchorLink to="/organizations/$org/environments/$env/applications/$app" params={{ org, env: environment, app: application }} underline="always" inherit>
                {application}
              </AnchorLink>{' '}
              {why}
            </List.Item>
          ))}
        </List>
      </div>
    </section>
  )
}
