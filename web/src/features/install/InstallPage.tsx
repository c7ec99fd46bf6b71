import { Button, Group, Skeleton, Stepper } from '@mantine/core'
import { IconLock } from '@tabler/icons-react'
import { useSuspenseQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import { NoOrganization } from '../../app/Home'
import { useOrganizations } from '../../app/organization'
import { asProblem, blueprintVersionQuery, type Operation, type PlanRequest, type Problem } from '../../api'
import { decided } from '../../form/defaults'
import SchemaForm from '../../form/SchemaForm'
import { SizePicker } from '../../form/SizePicker'
import { useSized } from '../../form/useSized'
import { useApplications } from '../../stream/StreamProvider'
import { BlueprintIcon } from '../../ui/BlueprintIcon'
import { ButtonLink } from '../../ui/links'
import { Message } from '../../ui/Message'
import { PageHead } from '../../ui/PageHead'
import { refusal } from '../marketplace/search'
import { aboutSettings, placesOf } from '../plan/places'
import { canWrite, whyReadOnly } from '../session/permissions'
import { usePerson } from '../session/useSession'
import { useDraft } from './draft'
import { firstName } from './name'
import classes from './InstallPage.module.css'
import { ReviewStep } from './ReviewStep'
import { WhereStep } from './WhereStep'

export default function InstallPage({ blueprint, version }: { blueprint: string; version: string }) {
  const { data: detail } = useSuspenseQuery(blueprintVersionQuery(blueprint, version))
  const { current } = useOrganizations()
  if (!current) return <NoOrganization />
  if (!detail.installable) {
    return (
      <Message level={1} icon={IconLock} title={`${detail.title} ${version} cannot be installed`} actions={<ButtonLink to="/marketplace/$blueprint" params={{ blueprint }} variant="default">See its versions</ButtonLink>}>
        {detail.reason ? refusal(detail.reason) : 'The catalog refuses this version.'}
      </Message>
    )
  }
  return <Install key={`${blueprint}@${version}`} blueprint={blueprint} version={version} />
}

function Install({ blueprint, version }: { blueprint: string; version: string }) {
  const { data: detail } = useSuspenseQuery(blueprintVersionQuery(blueprint, version))
  const { organizations, current } = useOrganizations()
  const person = usePerson()
  const navigate = useNavigate()
  const { draft, change, forget } = useDraft(blueprint, version)
  const [problem, setProblem] = useState<Problem | null>(null)

  const writable = organizations.filter((each) => canWrite(person, each.name))
  const organization =
    writable.find((each) => each.name === draft.organization)?.name ?? writable.find((each) => each.name === current)?.name ?? writable[0]?.name ?? ''
  const applications = useApplications(organization)
  const taken = useMemo(() => new Set((applications.data ?? []).map((each) => each.name)), [applications.data])
  const name = draft.name ?? firstName(blueprint, taken)
  const { schema, defaults } = useSized(detail, draft.size)
  const request: PlanRequest = {
    action: 'install',
    application: name,
    blueprint,
    version,
    environment: draft.environment ?? '',
    size: draft.size || undefined,
    values: decided(draft.values, defaults),
    choices: draft.choices,
  }
  const places = placesOf(problem, [])

  const done = (operation: Operation) => {
    forget()
    void navigate({
      to: '/organizations/$org/environments/$env/applications/$app',
      params: { org: organization, env: request.environment ?? '', app: name },
      search: { operation: operation.name },
    })
  }

  /** Takes the person to the field that the server refused. */
  const correct = (error: unknown) => {
    const refused = asProblem(error)
    setProblem(refused)
    change({ step: aboutSettings(refused) || placesOf(refused, []).fields.size ? 1 : 0 })
  }

  if (writable.length === 0) {
    return (
      <Message level={1} icon={IconLock} title="Your role is to read" actions={<ButtonLink to="/marketplace/$blueprint" params={{ blueprint }} variant="default">Back to {detail.title}</ButtonLink>}>
        {whyReadOnly(current ?? '')}
      </Message>
    )
  }
  const step = draft.environment && draft.name !== undefined ? draft.step : 0
  return (
    <>
      <PageHead title={`Install ${detail.title}`} lead={`${blueprint} ${version}`} before={<BlueprintIcon icon={detail.icon} name={blueprint} size={48} />} />
      <Stepper className={classes.stepper} active={step} onStepClick={(index) => change({ step: index })} size="sm" mb="lg" iconSize={32}>
        <Stepper.Step label="What and where" allowStepSelect={step > 0} />
        <Stepper.Step label="Settings" allowStepSelect={step > 1} />
        <Stepper.Step label="Review" allowStepSelect={false} />
      </Stepper>
      {step === 0 &&
        (applications.isPending && draft.name === undefined ? (
          <Skeleton height={240} radius="lg" />
        ) : (
          <WhereStep
            draft={draft}
            name={name}
            taken={taken}
            organizations={writable}
            organization={organization}
            mayWrite={(environment) => canWrite(person, organization, environment.envType)}
            errors={places.fields}
            suggestion={problem?.suggestion}
            change={(part) => {
              setProblem(null)
              change(part)
            }}
            next={() => setProblem(null)}
          />
        ))}
      {step === 1 && (
        <div className="surface" style={{ maxWidth: 680, padding: 'clamp(16px, 4vw, 24px)' }}>
          <SizePicker
            sizes={detail.sizes ?? []}
            value={draft.size ?? ''}
            error={places.fields.size}
            change={(size) => {
              setProblem(null)
              change({ size: size || undefined, values: decided(draft.values, defaults) })
            }}
          />
          <SchemaForm
            key={draft.size}
            schema={schema}
            order={detail.order}
            values={draft.values}
            errors={places.values}
            onChange={(values) => change({ values })}
            onSubmit={(values) => {
              setProblem(null)
              change({ values, step: 2 })
            }}
          >
            <Group mt="xl">
              <Button type="submit">Next: review</Button>
              <Button variant="default" onClick={() => change({ step: 0 })}>
                Back
              </Button>
            </Group>
          </SchemaForm>
        </div>
      )}
      {step === 2 && (
        <ReviewStep organization={organization} request={request} choose={(choices) => change({ choices })} back={() => change({ step: 1 })} correct={correct} done={done} />
      )}
    </>
  )
}
