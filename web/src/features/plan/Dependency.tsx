import { Button, Group, Radio, Stack, Text, TextInput } from '@mantine/core'
import { useId, useState } from 'react'
import type { Choices, PlanNode } from '../../api'
import { phrases } from '../../form/phrases'
import { lookOf } from '../../ui/looks'
import { ToneBadge } from '../../ui/Tone'
import { choose, optionsOf, taken } from './choice'
import { waysLook } from './looks'
import classes from './Plan.module.css'

interface Props {
  node: PlanNode
  /** Name of the Application that needs it. */
  parent: string
  choices: Choices
  problems: string[]
  /** Absent where there is nothing to choose. */
  change?: (choices: Choices) => void
}

/** One dependency: what satisfies it, and what else could. */
export function Dependency({ node, parent, choices, problems, change }: Props) {
  const [asked, setAsked] = useState(false)
  const id = useId()
  const open = asked || problems.length > 0
  const off = node.use === 'off'
  const choosable = change !== undefined && !off
  return (
    <div className={`${classes.node} ${problems.length > 0 ? classes.wrong : ''} ${off ? classes.off : ''}`}>
      <div className={classes.line}>
        <Text fw={560} component="span">
          {node.application || node.alias}
        </Text>
        <ToneBadge look={lookOf(waysLook, node.use)} />
        {choosable && (
          <Button variant="subtle" size="compact-sm" ms="auto" aria-expanded={open} aria-controls={id} aria-label={`Change how ${parent} gets its ${node.alias}`} onClick={() => setAsked(!open)}>
            {open ? 'Close' : 'Change'}
          </Button>
        )}
      </div>
      <Text size="sm" c="dimmed">
        {[node.application && node.alias !== node.application && `as ${node.alias}`, `${node.blueprint} ${node.version ?? ''}`.trim(), node.range && node.range !== '*' && `${parent} takes ${node.range}`, node.size && `size ${node.size}`]
          .filter(Boolean)
          .join(' · ')}
      </Text>
      {node.use === 'shared' && node.sharedWith && <Text size="sm">The same Application as {node.sharedWith}.</Text>}
      {node.reason && <Text size="sm">{node.reason}</Text>}
      {node.use === 'new' && node.values && phrases(node.values).length > 0 && (
        <Text size="sm" c="dimmed" lineClamp={2}>
          {phrases(node.values).join(' · ')}
        </Text>
      )}
      {problems.map((problem) => (
        <Text key={problem} size="sm" c="var(--bad-fg)" role="alert" mt={4}>
          {problem}
        </Text>
      ))}
      {choosable && (
        <div id={id}>{open && <Ways node={node} parent={parent} choices={choices} change={change} />}</div>
      )}
    </div>
  )
}

function Ways({ node, parent, choices, change }: { node: PlanNode; parent: string; choices: Choices; change: (choices: Choices) => void }) {
  const now = taken(node, choices)
  const options = optionsOf(node, choices)
  return (
    <fieldset className={classes.ways}>
      <legend>
        How {parent} gets its {node.alias}
      </legend>
      <Radio.Group value={now} onChange={(option) => change(choose(choices, node.path, option))} aria-label={`How ${parent} gets its ${node.alias}`}>
        <Stack gap={10}>
          {options.map((option) => (
            <div key={option.value}>
              <Radio value={option.value} label={option.label} description={option.detail} disabled={option.disabled} />
              {option.value === 'new' && now === 'new' && (
                <NewName key={node.application} node={node} change={(name) => change(choose(choices, node.path, 'new', name))} />
              )}
            </div>
          ))}
        </Stack>
      </Radio.Group>
      {node.offers.length === 0 && (
        <Text size="sm" c="dimmed" mt={10}>
          No Application of this Environment comes from {node.blueprint}, so there is none to use instead.
        </Text>
      )}
    </fieldset>
  )
}

/** The name of a new Application. It is planned with when the person is done, not with each letter. */
function NewName({ node, change }: { node: PlanNode; change: (name: string) => void }) {
  const [name, setName] = useState(node.application)
  const done = () => {
    const wanted = name.trim()
    if (wanted !== '' && wanted !== node.application) change(wanted)
  }
  return (
    <Group ms={32} mt={6}>
      <TextInput
        size="xs"
        label="Its name"
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        onBlur={done}
        onKeyDown={(event) => {
          if (event.key !== 'Enter') return
          event.preventDefault()
          done()
        }}
        autoComplete="off"
        spellCheck={false}
        autoCapitalize="none"
        style={{ flex: '0 1 260px' }}
      />
    </Group>
  )
}
