import { Text, Title } from '@mantine/core'
import type { ReactNode } from 'react'
import classes from './Applications.module.css'

/** One part of a page, with its title. */
export function Section({ title, children }: { title: string; children: ReactNode }) {
  const id = title.toLowerCase().replaceAll(/\W+/g, '-')
  return (
    <section className={`surface ${classes.section}`} aria-labelledby={id}>
      <Title order={2} id={id} mb={6}>
        {title}
      </Title>
      {children}
    </section>
  )
}

/** What it means that there is nothing. */
export function Nothing({ children }: { children: ReactNode }) {
  return (
    <Text size="sm" c="dimmed">
      {children}
    </Text>
  )
}
