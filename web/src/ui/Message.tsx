import { Group, Text, Title } from '@mantine/core'
import type { Icon } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import classes from './Message.module.css'

interface Props {
  icon: Icon
  title: string
  children?: ReactNode
  actions?: ReactNode
  /** 1 where the message is the whole page, 2 where it stands on one that has a title. */
  level?: 1 | 2
}

/** A page's worth of words where there is nothing else to show: empty, not found, out of order. It says what to do. */
export function Message({ icon: Glyph, title, children, actions, level = 2 }: Props) {
  return (
    <section className={classes.box}>
      <span className={classes.glyph}>
        <Glyph size={28} stroke={1.5} aria-hidden />
      </span>
      <Title order={level} size="h2" mt={6}>
        {title}
      </Title>
      <Text c="dimmed" component="div">
        {children}
      </Text>
      {actions && (
        <Group justify="center" mt="sm">
          {actions}
        </Group>
      )}
    </section>
  )
}
