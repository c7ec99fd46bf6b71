import { Alert, Button, Text } from '@mantine/core'
import { IconClockX, IconGitMerge, IconLink } from '@tabler/icons-react'
import type { Problem } from '../../api'
import { shortSha } from '../../ui/CommitLine'
import { AnchorLink } from '../../ui/links'
import { ProblemAlert } from '../../ui/Trouble'

interface Props {
  org: string
  env: string
  problem: Problem
  title: string
  again: () => void
}

/** Why a plan is not made, or not carried out, and what to do about it. */
export function Refusal({ org, env, problem, title, again }: Props) {
  if (problem.moved || problem.code === 'branch_moved') return <Moved problem={problem} again={again} />
  if (problem.status === 410) return <Expired again={again} />
  if (problem.dependents.length > 0) return <InUse org={org} env={env} problem={problem} title={title} />
  return (
    <>
      <ProblemAlert error={problem} title={title} />
      {problem.passing && (
        <div>
          <Button variant="default" onClick={again}>
            Try again
          </Button>
        </div>
      )}
    </>
  )
}

export function Expired({ again }: { again: () => void }) {
  return (
    <Alert color="orange" variant="outline" icon={<IconClockX size={18} />} title="This plan has expired" role="alert">
      <Text size="sm" c="var(--mantine-color-text)" mb="xs">
        Nothing was written. Plan again to see what would happen now; what you filled in stays.
      </Text>
      <Button size="xs" variant="default" onClick={again}>
        Plan again
      </Button>
    </Alert>
  )
}

/** Somebody was faster: who, and what they changed. */
function Moved({ problem: { moved, message }, again }: { problem: Problem; again: () => void }) {
  return (
    <Alert color="orange" variant="outline" icon={<IconGitMerge size={18} />} title={moved?.by ? `${moved.by} changed it in the meantime` : 'It was changed in the meantime'} role="alert">
      {moved?.commit ? (
        <Text size="sm" c="var(--mantine-color-text)">
          <code title={moved.commit}>{shortSha(moved.commit)}</code> {moved.message && `“${moved.message}”`} is the newest commit of <code>{moved.repository}</code>, branch {moved.branch}. Nothing of yours was written.
        </Text>
      ) : (
        <Text size="sm" c="var(--mantine-color-text)">
          {message}
        </Text>
      )}
      {moved && moved.files.length > 0 && (
        <Text size="sm" c="var(--mantine-color-text)" mt={4}>
          Changed: {moved.files.slice(0, 8).map((file, i) => (
            <span key={file}>
              {i > 0 && ', '}
              <code>{file}</code>
            </span>
          ))}
          {moved.files.length > 8 && ` and ${moved.files.length - 8} more`}
        </Text>
      )}
      <Button size="xs" variant="default" mt="xs" onClick={again}>
        Plan again
      </Button>
      <Text size="sm" c="dimmed" mt={4}>
        What you filled in stays.
      </Text>
    </Alert>
  )
}

function InUse({ org, env, problem, title }: { org: string; env: string; problem: Problem; title: string }) {
  return (
    <Alert color="red" variant="outline" icon={<IconLink size={18} />} title={title} role="alert">
      <Text size="sm" c="var(--mantine-color-text)">
        {problem.message}
      </Text>
      <ul style={{ margin: '6px 0', paddingInlineStart: 20 }}>
        {problem.dependents.map((name) => (
          <li key={name} style={{ paddingBlock: 4 }}>
            {env ? (
              <AnchorLink to="/organizations/$org/environments/$env/applications/$app" params={{ org, env, app: name }} size="sm" display="inline-block" py={3}>
                {name}
              </AnchorLink>
            ) : (
              <AnchorLink to="/organizations/$org/applications" params={{ org }} search={{ q: name }} size="sm" display="inline-block" py={3}>
                {name}
              </AnchorLink>
            )}
          </li>
        ))}
      </ul>
      {problem.hint && (
        <Text size="sm" c="var(--mantine-color-text)">
          {problem.hint}
        </Text>
      )}
    </Alert>
  )
}
