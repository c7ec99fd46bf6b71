import { Badge, Group, Skeleton, Text, TextInput, Title } from '@mantine/core'
import { IconBuildingStore, IconSearch, IconSearchOff, IconShieldX } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { blueprintsQuery, type BlueprintCard } from '../../api'
import { BlueprintIcon } from '../../ui/BlueprintIcon'
import { Message } from '../../ui/Message'
import { PageHead } from '../../ui/PageHead'
import { ToneBadge } from '../../ui/Tone'
import { Trouble } from '../../ui/Trouble'
import classes from './Marketplace.module.css'
import { search } from './search'

export function MarketplacePage() {
  const { q = '' } = useSearch({ from: '/marketplace' })
  const navigate = useNavigate({ from: '/marketplace' })
  const { data, error, isPending, refetch } = useQuery(blueprintsQuery)

  const found = search(data ?? [], q)
  return (
    <>
      <PageHead title="Marketplace" lead="Blueprints that can be installed. Each version is signed, and the signature is checked before it runs." />
      <TextInput
        value={q}
        onChange={(event) => void navigate({ search: { q: event.currentTarget.value || undefined }, replace: true })}
        placeholder="Search by name, category or what it does"
        aria-label="Search Blueprints"
        leftSection={<IconSearch size={16} aria-hidden />}
        type="search"
        maw={440}
        mb="lg"
      />
      {isPending && (
        <div className={classes.grid} aria-label="Loading">
          {[1, 2, 3].map((n) => (
            <Skeleton key={n} height={150} radius="lg" />
          ))}
        </div>
      )}
      {error && !data && <Trouble level={2} error={error} retry={() => void refetch()} what="The marketplace" />}
      {data?.length === 0 && (
        <Message icon={IconBuildingStore} title="No Blueprints yet">
          The catalog is empty. Authors publish with <code>catalyst blueprint publish</code>; what they publish appears here.
        </Message>
      )}
      {data && data.length > 0 && found.length === 0 && (
        <Message icon={IconSearchOff} title={`Nothing matches “${q}”`}>
          Try fewer or other words. There {data.length === 1 ? 'is one Blueprint' : `are ${data.length} Blueprints`} in all.
        </Message>
      )}
      <ul className={classes.grid}>
        {found.map((blueprint) => (
          <li key={blueprint.name}>
            <Card blueprint={blueprint} />
          </li>
        ))}
      </ul>
    </>
  )
}

const refused = { tone: 'warn', icon: IconShieldX, label: 'No version can be installed' } as const

function Card({ blueprint }: { blueprint: BlueprintCard }) {
  const installable = (blueprint.versions ?? []).some((version) => version.installable)
  return (
    <Link to="/marketplace/$blueprint" params={{ blueprint: blueprint.name }} className={`surface ${classes.card}`}>
      <Group gap="md" wrap="nowrap">
        <BlueprintIcon icon={blueprint.icon} name={blueprint.name} size={46} />
        <div style={{ minWidth: 0 }}>
          <Title order={2} size="h3">
            {blueprint.title || blueprint.name}
          </Title>
          <Text size="sm" c="dimmed" truncate>
            {blueprint.name} {blueprint.version}
          </Text>
        </div>
      </Group>
      <Text size="sm" lineClamp={3} style={{ flex: 1 }}>
        {blueprint.summary}
      </Text>
      <Group gap={6}>
        {blueprint.category && (
          <Badge variant="default" tt="none" fw={500}>
            {blueprint.category}
          </Badge>
        )}
        {!installable && (
          <ToneBadge look={refused} />
        )}
      </Group>
    </Link>
  )
}
