import { NativeSelect, Text } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { asProblem, type PlanRequest } from '../../../api'
import { shortSha } from '../../../ui/CommitLine'
import { PlanStep } from '../../plan/PlanStep'
import { placesOf } from '../../plan/places'
import { usePlan } from '../../plan/usePlan'
import { address, type ChangeProps } from './common'

/** Back to what an earlier commit says. */
export function Rollback({ org, application, done, back, commit }: ChangeProps & { commit?: string }) {
  const { name: app, environment: env = '', branch, desired } = application
  const navigate = useNavigate()
  const commits = (application.changes ?? []).filter((each) => each.sha !== desired?.sha)
  const request: PlanRequest | null = commit ? { action: 'rollback', application: app, environment: env, commit } : null
  const planning = usePlan(org, request, done)
  const wrong = planning.refused ? placesOf(asProblem(planning.refused), []).fields.commit : undefined
  const known = commits.some((each) => each.sha === commit)
  return (
    <>
      <Text maw={720}>
        The files of {app} become again what they were at the commit that you choose, by a new commit on <code>{branch}</code>. The history stays.
      </Text>
      <NativeSelect
        label="Go back to"
        maw={620}
        value={commit ?? ''}
        error={wrong}
        data={[
          { value: '', label: commits.length === 0 ? 'No earlier commit is known' : 'Choose a commit', disabled: true },
          ...(commit && !known ? [{ value: commit, label: shortSha(commit) }] : []),
          ...commits.map(({ sha, message, author }) => ({ value: sha, label: `${shortSha(sha)} ${message?.split('\n')[0] ?? ''}${author ? ` (${author})` : ''}` })),
        ]}
        onChange={(event) => void navigate({ to: address, params: { org, env, app }, search: { action: 'rollback', commit: event.currentTarget.value }, replace: true })}
      />
      <PlanStep org={org} env={env} planning={planning} verb="Roll back" back={back} />
    </>
  )
}
