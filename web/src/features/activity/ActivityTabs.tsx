import { Group } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import classes from './Activity.module.css'

/** The two sides of what goes on: what happened in an Environment, and what was asked for. */
export function ActivityTabs({ org }: { org: string }) {
  return (
    <nav aria-label="Activity">
      <Group gap={6} wrap="nowrap">
        <Link to="/organizations/$org/activity" params={{ org }} className={classes.tab}>
          What happened
        </Link>
        <Link to="/organizations/$org/operations" params={{ org }} className={classes.tab}>
          Operations
        </Link>
      </Group>
    </nav>
  )
}
