import { Button, Stack, Text } from '@mantine/core'
import { asProblem, type Choices, type Operation, type PlanRequest } from '../../api'
import { PlanStep } from '../plan/PlanStep'
import { aboutSettings, placesOf } from '../plan/places'
import { usePlan } from '../plan/usePlan'

interface Props {
  organization: string
  request: PlanRequest
  choose: (choices: Choices) => void
  back: () => void
  /** Takes the person to the field that the server refused. */
  correct: (error: unknown) => void
  done: (operation: Operation) => void
}

/** The plan, before anything is done. */
export function ReviewStep({ organization, request, choose, back, correct, done }: Props) {
  const planning = usePlan(organization, request, done)
  const wrong = planning.refused ?? planning.failed
  const problem = wrong ? asProblem(wrong) : null
  const { fields } = placesOf(problem, [])
  const fixable = problem !== null && (aboutSettings(problem) || [fields.name, fields.environment, fields.size].some((each) => each !== undefined))
  return (
    <Stack gap="lg">
      <Text>
        Installing <b>{request.application}</b> from{' '}
        <b>
          {request.blueprint} {request.version}
        </b>{' '}
        into <b>{request.environment}</b>.{planning.plan && ' This is everything that will happen.'}
      </Text>
      <PlanStep
        org={organization}
        env={request.environment ?? ''}
        planning={planning}
        verb="Install"
        choices={request.choices ?? {}}
        choose={choose}
        mend={
          fixable && (
            <div>
              <Button variant="default" onClick={() => correct(wrong)}>
                Show me the field
              </Button>
            </div>
          )
        }
        back={
          <Button variant="default" onClick={back} disabled={planning.carryingOut}>
            Back to settings
          </Button>
        }
      />
    </Stack>
  )
}
