import { Alert, Button, Text } from '@mantine/core'
import { IconAlertTriangle, IconCloudOff, IconLock, IconMapQuestion } from '@tabler/icons-react'
import { asProblem } from '../api'
import { Message } from './Message'
import { ButtonLink } from './links'

interface Props {
  error: unknown
  retry?: () => void
  what?: string
  level?: 1 | 2
  /** False where the components are shown already, or cannot be. */
  componentsLink?: boolean
}

/** What that could not be read: why, and what to do about it. */
export function Trouble({ error, retry, what = 'This page', level = 1, componentsLink = true }: Props) {
  const problem = asProblem(error)
  const again = retry && (
    <Button variant="default" onClick={retry}>
      Try again
    </Button>
  )
  if (problem.status === 404) return <NotFound detail={problem.message} level={level} />
  if (problem.status === 403) {
    return (
      <Message level={level} icon={IconLock} title="Your role does not allow this" actions={again}>
        {problem.message} An org-admin of the Organization can give you a role that does.
      </Message>
    )
  }
  if (problem.passing) {
    return (
      <Message
      level={level}
        icon={IconCloudOff}
        title={`${what} cannot be read now`}
        actions={
          <>
            {again}
            {componentsLink && (
              <ButtonLink to="/sovereign/bootstrap" variant="subtle">
                See which component is down
              </ButtonLink>
            )}
          </>
        }
      >
        {problem.message} What runs keeps running: only this view is affected.
      </Message>
    )
  }
  return (
    <Message level={level} icon={IconAlertTriangle} title={`${what} cannot be shown`} actions={again}>
      {problem.message}
    </Message>
  )
}

export function NotFound({ detail, level = 1 }: { detail?: string; level?: 1 | 2 }) {
  return (
    <Message
      level={level}
      icon={IconMapQuestion}
      title="There is nothing here"
      actions={
        <ButtonLink to="/" variant="default">
          Go to the start
        </ButtonLink>
      }
    >
      {detail || 'The address may be mistyped, the Application may be uninstalled, or you may have no role in its Organization.'}
    </Message>
  )
}

/** Something that was asked for and failed, beside where it was asked. */
export function ProblemAlert({ error, title }: { error: unknown; title?: string }) {
  const problem = asProblem(error)
  // What the sentence says already is not said again.
  const errors = problem.errors.filter((each) => !problem.message.includes(each.message))
  return (
    <Alert color="red" variant="outline" icon={<IconAlertTriangle size={18} />} title={title ?? problem.title} role="alert">
      <Text size="sm" c="var(--mantine-color-text)">
        {problem.message}
        {problem.hint && ` ${problem.hint}`}
      </Text>
      {errors.length > 0 && (
        <ul style={{ margin: '6px 0 0', paddingInlineStart: 20 }}>
          {errors.map((field) => (
            <li key={`${field.location}${field.message}`}>
              <Text size="sm" c="var(--mantine-color-text)">
                {field.location && <code>{field.location}</code>} {field.message}
              </Text>
            </li>
          ))}
        </ul>
      )}
    </Alert>
  )
}
