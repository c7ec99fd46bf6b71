import { Radio, SimpleGrid, Text } from '@mantine/core'
import type { Size } from '../api'
import { phrases } from './phrases'
import classes from './SizePicker.module.css'

interface Props {
  sizes: Size[]
  /** Empty where the Blueprint's own defaults hold. */
  value: string
  /** False where a size was chosen before: it can be changed, not taken back. */
  none?: boolean
  disabled?: boolean
  error?: string
  change: (size: string) => void
}

/** The ready-made sets of settings of a Blueprint, each with what it sets. */
export function SizePicker({ sizes, value, none = true, disabled, error, change }: Props) {
  if (sizes.length === 0) return null
  const cards = [
    ...(none ? [{ name: '', title: 'As it comes', sets: 'the defaults of the Blueprint' }] : []),
    ...sizes.map((each) => ({ name: each.name, title: each.title || each.name, sets: phrases(each.values).join(' · ') || 'nothing of its own' })),
  ]
  return (
    <Radio.Group
      value={value}
      onChange={change}
      label="Size"
      description="It sets what stands below it. You can change any of it in the form, and what you change stays."
      error={error}
      mb="lg"
    >
      <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="xs" mt={8}>
        {cards.map(({ name, title, sets }) => (
          <Radio.Card key={name} value={name} className={classes.card} disabled={disabled}>
            <Radio.Indicator />
            <span>
              <Text size="sm" fw={560} component="span" display="block">
                {title}
              </Text>
              <Text size="xs" c="dimmed" component="span" display="block">
                {sets}
              </Text>
            </span>
          </Radio.Card>
        ))}
      </SimpleGrid>
    </Radio.Group>
  )
}
