import { Anchor, Button, Group, Select, Stack, Text, TextInput } from '@mantine/core'
import { IconCheck } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { environmentsQuery, type Environment, type Organization } from '../../api'
import { byStage } from '../applications/group'
import type { Draft } from './draft'
import { checkName } from './name'

interface Props {
  draft: Draft
  name: string
  taken: ReadonlySet<string>
  organizations: Organization[]
  organization: string
  mayWrite: (environment: Environment) => boolean
  errors: { name?: string; environment?: string; organization?: string }
  suggestion?: string
  change: (part: Partial<Draft>) => void
  next: () => void
}

/** What and where: Organization, Environment, name. */
export function WhereStep({ draft, name, taken, organizations, organization, mayWrite, errors, suggestion, change, next }: Props) {
  const environments = useQuery(environmentsQuery(organization))
  const list = (environments.data ?? []).toSorted((a, b) => byStage(a.name, b.name))
  // A new Application begins where promotions begin.
  const chosen = list.find((each) => each.name === draft.environment) ?? list.find(mayWrite)
  const check = checkName(name, taken)
  const problem = errors.name ?? (check.ok ? undefined : check.message)
  const better = errors.name ? (suggestion ?? check.suggestion) : check.suggestion
  const ready = check.ok && chosen !== undefined

  return (
    <form
      className="surface"
      style={{ maxWidth: 680, padding: 'clamp(16px, 4vw, 24px)' }}
      onSubmit={(event) => {
        event.preventDefault()
        if (!ready) return
        change({ environment: chosen.name, name, organization, step: 1 })
        next()
      }}
    >
      <Stack gap="lg">
        <Select
          label="Organization"
          data={organizations.map((each) => ({ value: each.name, label: each.displayName || each.name }))}
          value={organization}
          allowDeselect={false}
          onChange={(value) => value && change({ organization: value, environment: undefined })}
          error={errors.organization}
        />
        <Select
          label="Environment"
          description="Only this Environment changes. It reaches others by promotion."
          placeholder={environments.isPending ? 'Reading …' : 'Choose one'}
          data={list.map((each) => ({
            value: each.name,
            label: `${each.name} (branch ${each.branch})${mayWrite(each) ? '' : ': your role is to read'}`,
            disabled: !mayWrite(each),
          }))}
          value={chosen?.name ?? null}
          allowDeselect={false}
          onChange={(value) => value && change({ environment: value })}
          error={errors.environment ?? (environments.error ? 'The Environments cannot be read now. Try again in a moment.' : undefined)}
        />
        {environments.data?.length === 0 && (
          <Text size="sm" c="dimmed">
            {organization} has no Environment yet. An org-admin adds one by a commit to <code>system/catalyst-config</code>.
          </Text>
        )}
        <div>
          <TextInput
            label="Name"
            description={
              <>
                It becomes the repository{' '}
                <code>
                  {organization}/{name || '…'}
                </code>
              </>
            }
            value={name}
            onChange={(event) => change({ name: event.currentTarget.value })}
            error={problem}
            rightSection={check.ok && !errors.name ? <IconCheck size={16} color="var(--ok-fg)" aria-label="This name can be used" /> : undefined}
            autoComplete="off"
            spellCheck={false}
            autoCapitalize="none"
          />
          {better && problem && (
            <Text size="sm" mt={6}>
              Use{' '}
              <Anchor component="button" type="button" onClick={() => change({ name: better })}>
                {better}
              </Anchor>{' '}
              instead?
            </Text>
          )}
        </div>
      </Stack>
      <Group mt="xl">
        <Button type="submit" disabled={!ready}>
          Next: settings
        </Button>
      </Group>
    </form>
  )
}
