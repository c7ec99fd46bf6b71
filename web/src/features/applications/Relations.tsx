import { Text, Title } from '@mantine/core'
import { IconMapQuestion } from '@tabler/icons-react'
import type { Application, Phase } from '../../api'
import { Few } from '../../ui/Few'
import { AnchorLink } from '../../ui/links'
import { lookOf, phaseLook } from '../../ui/looks'
import { ToneIcon, type Look } from '../../ui/Tone'
import classes from './Applications.module.css'
import { Nothing, Section } from './Section'
import { phaseOf } from './unknown'

const absent: Look = { tone: 'warn', icon: IconMapQuestion, label: 'Not there' }

/** What it needs and what needs it, each with how it is now. */
export function Relations({ org, application, neighbours }: { org: string; application: Application; neighbours: Application[] }) {
  const env = application.environment ?? ''
  const needs = application.dependsOn ?? []
  const users = application.usedBy ?? []
  // The neighbour's own card is newer than what the view of this Application says of it.
  const phase = (name: string, told?: Phase) => {
    const card = neighbours.find((each) => each.name === name && each.environment === env)
    return card ? phaseOf(card) : told
  }
  return (
    <Section title="Dependencies">
      <Title order={3} size="sm" mt={4}>
        Depends on
      </Title>
      {needs.length === 0 && <Nothing>No other Application.</Nothing>}
      <ul className={classes.rows}>
        <Few items={needs} most={5} what="Applications">
          {(need) => <Row key={`${need.alias} ${need.application}`} org={org} env={env} name={need.application} alias={need.alias} phase={phase(need.application, need.phase)} />}
        </Few>
      </ul>
      <Title order={3} size="sm" mt="sm">
        Used by
      </Title>
      {users.length === 0 && <Nothing>No Application of {env}.</Nothing>}
      <ul className={classes.rows}>
        <Few items={users} most={5} what="Applications">
          {(name) => <Row key={name} org={org} env={env} name={name} phase={phase(name)} />}
        </Few>
      </ul>
    </Section>
  )
}

function Row({ org, env, name, alias, phase }: { org: string; env: string; name: string; alias?: string; phase?: Phase }) {
  const look = phase ? lookOf(phaseLook, phase) : absent
  return (
    <li className={classes.row}>
      <ToneIcon look={look} />
      <div>
        <AnchorLink to="/organizations/$org/environments/$env/applications/$app" params={{ org, env, app: name }} size="sm">
          {name}
        </AnchorLink>
        {alias && alias !== name && (
          <Text span size="xs" c="dimmed">
            {' '}
            as {alias}
          </Text>
        )}
      </div>
      <Text size="sm" c="dimmed" aria-hidden>
        {phase ?? `not in ${env}`}
      </Text>
    </li>
  )
}
