import { Text, Title } from '@mantine/core'
import { IconCircleCheck, IconEarOff } from '@tabler/icons-react'
import type { Source } from '../../api'
import { sourceName } from '../../freshness/freshness'
import { Ago } from '../../ui/Ago'
import { ToneBadge } from '../../ui/Tone'
import classes from './Sovereign.module.css'

const heard = { tone: 'ok', icon: IconCircleCheck, label: 'Heard' } as const
const quiet = { tone: 'bad', icon: IconEarOff, label: 'Cannot be heard' } as const

/** What everything on these pages is learned from, and whether it speaks. */
export function Sources({ sources }: { sources: Source[] }) {
  return (
    <section aria-labelledby="sources">
      <Title order={2} id="sources" mt="xl" mb="xs">
        Sources
      </Title>
      {sources.length === 0 && (
        <Text size="sm" c="dimmed">
          None has been heard yet: the observer names a source as soon as it speaks.
        </Text>
      )}
      {sources.length > 0 && (
        <ul className={`surface ${classes.list}`}>
          {sources.map((source) => (
            <li key={source.name} className={classes.row}>
              <Text fw={560}>{sourceName(source.name)}</Text>
              <ToneBadge look={source.reachable ? heard : quiet} />
              <Text size="sm" c="dimmed" component="div" className={classes.wide}>
                <Ago at={source.heardAt} prefix="last heard" never="never" />
              </Text>
              {source.message && (
                <Text size="sm" className={classes.wide} c={source.reachable ? 'dimmed' : 'var(--bad-fg)'}>
                  {source.message}
                </Text>
              )}
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
