import { Accordion, Alert, Text, Title } from '@mantine/core'
import { IconEyeOff } from '@tabler/icons-react'
import type { ManifestChange, PlannedManifests } from '../../api'
import { Diff, sizeOf } from '../../ui/Diff'
import { lookOf } from '../../ui/looks'
import { ToneIcon } from '../../ui/Tone'
import { changeLook } from './looks'
import classes from './Plan.module.css'

const nameOf = (change: ManifestChange) => `${change.kind} ${change.name}`
const keyOf = (change: ManifestChange) => `${change.apiVersion}/${change.kind}/${change.namespace ?? ''}/${change.name}`

/** "3 created, 1 updated", and what stays. */
export function countChanges(manifests: PlannedManifests[]): string {
  const all = manifests.flatMap((each) => each.changes)
  const words = [
    ['create', 'created'],
    ['update', 'updated'],
    ['delete', 'deleted'],
    ['none', 'as it is'],
  ] as const
  return words
    .map(([action, word]) => [all.filter((each) => each.action === action).length, word] as const)
    .filter(([n]) => n > 0)
    .map(([n, word]) => `${n} ${word}`)
    .join(', ')
}

/** What would happen to the objects in the cluster, Application by Application. */
export function Manifests({ manifests }: { manifests: PlannedManifests[] }) {
  if (manifests.length === 0) return null
  return (
    <section className="surface" aria-labelledby="plan-manifests">
      <div className={classes.head}>
        <Title order={2} id="plan-manifests">
          What changes in the cluster
        </Title>
        <Text size="sm" c="dimmed">
          {countChanges(manifests) || 'No object changes.'}
        </Text>
      </div>
      {manifests.map((each) => (
        <OfApplication key={each.application} manifests={each} alone={manifests.length === 1} />
      ))}
    </section>
  )
}

function OfApplication({ manifests: { application, changes, incomplete }, alone }: { manifests: PlannedManifests; alone: boolean }) {
  // What is left as it is and nobody complains of is counted above, not listed.
  const told = changes.filter((each) => each.action !== 'none' || each.drift || each.problem)
  return (
    <div className={classes.rest}>
      {!alone && (
        <Title order={3} size="sm" className={classes.plain}>
          {application}
        </Title>
      )}
      {incomplete && (
        <div className={classes.plain}>
          <Alert color="gray" variant="outline" icon={<IconEyeOff size={18} />} title="Not everything could be seen">
            <Text size="sm" c="var(--mantine-color-text)">
              {incomplete} What Git gets is complete all the same.
            </Text>
          </Alert>
        </div>
      )}
      <Accordion multiple variant="default" chevronPosition="right">
        {told.map((change) => (
          <Accordion.Item key={keyOf(change)} value={keyOf(change)}>
            <Accordion.Control icon={<ToneIcon look={lookOf(changeLook, change.action)} size={18} />}>
              <span className={classes.item}>
                <Text size="sm" component="span">
                  {change.kind}{' '}
                  <Text span fw={560} inherit>
                    {change.name}
                  </Text>
                </Text>
                <Text size="xs" c="dimmed" className="tabular">
                  {change.diff ? sizeOf(change.diff) : ''}
                </Text>
                {change.problem && (
                  <Text size="sm" c="var(--bad-fg)" style={{ gridColumn: '1 / -1' }}>
                    The cluster says: {change.problem}
                  </Text>
                )}
                {change.drift && (
                  <Text size="sm" c="var(--warn-fg)" style={{ gridColumn: '1 / -1' }}>
                    It differs in the cluster from what Git says now{change.action === 'delete' ? '.' : '; this takes that back.'}
                  </Text>
                )}
              </span>
            </Accordion.Control>
            <Accordion.Panel>
              <Details change={change} />
            </Accordion.Panel>
          </Accordion.Item>
        ))}
      </Accordion>
    </div>
  )
}

function Details({ change }: { change: ManifestChange }) {
  return (
    <>
      <Text size="xs" c="dimmed" mb={6}>
        {change.apiVersion}
        {change.namespace && ` in ${change.namespace}`}
      </Text>
      {change.diff && <Diff diff={change.diff} label={`What changes in ${nameOf(change)}`} />}
      {!change.diff && !change.drift && (
        <Text size="sm" c="dimmed">
          {change.kind === 'Secret' ? 'What a Secret holds is never shown.' : 'There is nothing more to show of it.'}
        </Text>
      )}
      {change.drift && (
        <>
          <Text size="sm" mt="sm" mb={6}>
            How it differs now from what Git says:
          </Text>
          <Diff diff={change.drift} label={`How ${nameOf(change)} differs from Git`} />
        </>
      )}
    </>
  )
}
