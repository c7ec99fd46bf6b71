import { Group, Text, Title } from '@mantine/core'
import type { Icon } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import classes from './Message.module.css'

/** A page's worth of words where there is nothing else to show: empty, not found, out of order. It says what to do. */
export function Message({ icon: Glyph, title, children, actions }: { icon: Icon; title: string; children?: ReactNode; actions?: ReactNode }) {
  return (
    <section className={classes.box}>
      <span className={classes.glyph}>
        <Glyph size={28} stroke={1.5} aria-hidden />
      </span>
      <Title order={2} mt={6}>
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
