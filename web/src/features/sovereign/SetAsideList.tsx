import { Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { setAsideQuery, type SetAside } from '../../api'
import { Ago } from '../../ui/Ago'
import { Few } from '../../ui/Few'
import { ProblemAlert } from '../../ui/Trouble'
import { isSovereignAdmin } from '../session/permissions'
import { usePerson } from '../session/useSession'
import classes from './Sovereign.module.css'

/** "812 B", "1.2 MiB". */
export function bytes(n: number): string {
  if (n < 1024) return `${n} B`
  return n < 1_048_576 ? `${(n / 1024).toFixed(1)} KiB` : `${(n / 1_048_576).toFixed(1)} MiB`
}

/** What had no effect because it could not be read. Only who administers the Sovereign sees it, and only if there is any. */
export function SetAsideSection() {
  const admin = isSovereignAdmin(usePerson())
  const { data, error } = useQuery({ ...setAsideQuery, enabled: admin })
  if (!admin) return null
  if (error && !data) return <ProblemAlert error={error} title="Whether something was set aside cannot be read now" />
  return data && data.length > 0 ? <SetAsideList items={data} /> : null
}

export function SetAsideList({ items }: { items: SetAside[] }) {
  return (
    <section aria-labelledby="set-aside">
      <Title order={2} id="set-aside" mt="xl">
        Set aside
      </Title>
      <Text size="sm" c="dimmed" mt={2} mb="xs" maw={720}>
        These events were too large or could not be read, so what they told is missing from the pages: correct what the reason names at the source (an object that is
        too large must become smaller), and its next change is taken in again.
      </Text>
      <ul className={`surface ${classes.list}`}>
        <Few items={items.toSorted((a, b) => b.changedAt.localeCompare(a.changedAt))} most={10} what="events">
          {(each) => (
            <li key={each.name} className={classes.row}>
              <code className={`${classes.subject} ${classes.wide}`}>{each.subject}</code>
              <Text size="sm" className={classes.wide}>
                {each.reason}
              </Text>
              <Text size="sm" c="dimmed" className={`tabular ${classes.wide}`}>
                {bytes(each.sizeBytes)} · <Ago at={each.changedAt} />
              </Text>
            </li>
          )}
        </Few>
      </ul>
    </section>
  )
}
