import { Text, Title } from '@mantine/core'
import type { Choices, PlanNode } from '../../api'
import { dependencies } from './choice'
import { Dependency } from './Dependency'
import classes from './Plan.module.css'

interface Props {
  tree: PlanNode
  choices: Choices
  /** By the path of the dependency. */
  problems: Record<string, string[]>
  change?: (choices: Choices) => void
}

/** What an Application needs, and what that needs in turn. */
export function Tree({ tree, choices, problems, change }: Props) {
  const all = dependencies(tree)
  const fresh = all.filter((node) => node.use === 'new').length
  return (
    <section className="surface" aria-labelledby="plan-tree">
      <div className={classes.head}>
        <Title order={2} id="plan-tree">
          What it needs
        </Title>
        <Text size="sm" c="dimmed">
          {fresh === 0 ? 'Nothing new is made for it.' : `${fresh} more ${fresh === 1 ? 'Application is' : 'Applications are'} made for it, each with a repository of its own.`}
          {change ? ' Change any of it, and the plan follows.' : ''}
        </Text>
      </div>
      <ul className={classes.tree}>
        <li>
          <div className={classes.node}>
            <Text fw={560}>{tree.application}</Text>
            <Text size="sm" c="dimmed">
              {tree.blueprint} {tree.version}
              {tree.size && ` · size ${tree.size}`}
            </Text>
            {tree.reason && <Text size="sm">{tree.reason}</Text>}
          </div>
          <Branches node={tree} choices={choices} problems={problems} change={change} />
        </li>
      </ul>
    </section>
  )
}

function Branches({ node, ...rest }: { node: PlanNode } & Omit<Props, 'tree'>) {
  if (node.depends.length === 0) return null
  return (
    <ul aria-label={`What ${node.application} needs`}>
      {node.depends.map((each) => (
        <li key={each.path}>
          <Dependency node={each} parent={node.application} choices={rest.choices} problems={rest.problems[each.path] ?? []} change={rest.change} />
          {each.use === 'new' && <Branches node={each} {...rest} />}
        </li>
      ))}
    </ul>
  )
}
