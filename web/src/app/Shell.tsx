import { ActionIcon, Button, Menu, Tooltip, useComputedColorScheme, useMantineColorScheme } from '@mantine/core'
import { IconBuilding, IconChevronDown, IconGhost2, IconMoon, IconRocket, IconSun } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { Link, useLocation, useNavigate } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { bootstrapQuery, sovereignQuery } from '../api'
import { FreshnessBanner } from '../freshness/FreshnessBanner'
import { useFreshness } from '../freshness/useFreshness'
import { PersonMenu } from '../features/session/PersonMenu'
import { StreamBadge } from '../stream/StreamBadge'
import { StreamProvider } from '../stream/StreamProvider'
import { Mark } from '../ui/Mark'
import { useOrganizations } from './organization'
import classes from './Shell.module.css'

export function Shell({ children }: { children: ReactNode }) {
  const { current } = useOrganizations()
  const frame = <Frame>{children}</Frame>
  return current ? (
    <StreamProvider key={current} organization={current}>
      {frame}
    </StreamProvider>
  ) : (
    frame
  )
}

function Frame({ children }: { children: ReactNode }) {
  const doubts = useFreshness()
  const unheard = doubts.some((doubt) => doubt.everything)
  return (
    <>
      <a href="#main" className="skip-link">
        Skip to the content
      </a>
      <Header unheard={unheard} />
      <FreshnessBanner doubts={doubts} />
      <Notices />
      {/* Nothing is green that nobody vouches for now; see global.css. */}
      <main id="main" className={classes.main} tabIndex={-1} data-unheard={unheard || undefined}>
        {children}
      </main>
    </>
  )
}

function Header({ unheard }: { unheard: boolean }) {
  const { current } = useOrganizations()
  const { pathname } = useLocation()
  const watching = [`/organizations/${current}/activity`, `/organizations/${current}/operations`].includes(pathname)
  return (
    <header className={classes.header}>
      <Link to="/" className={classes.brand} aria-label="Catalyst, start">
        <Mark />
        <span className={classes.wordmark}>Catalyst</span>
      </Link>
      <OrganizationMenu />
      <nav className={classes.nav} aria-label="Main">
        {current && (
          <Link to="/organizations/$org/applications" params={{ org: current }} className={classes.link} data-status={pathname.startsWith('/organizations/') && !watching ? 'active' : undefined}>
            Applications
          </Link>
        )}
        {current && (
          <Link to="/organizations/$org/activity" params={{ org: current }} className={classes.link} data-status={watching ? 'active' : undefined}>
            Activity
          </Link>
        )}
        <Link to="/marketplace" className={classes.link}>
          Marketplace
        </Link>
        <Link to="/sovereign" className={classes.link}>
          Sovereign
        </Link>
      </nav>
      <div className={classes.end}>
        <StreamBadge unheard={unheard} />
        <SchemeToggle />
        <PersonMenu />
      </div>
    </header>
  )
}

function OrganizationMenu() {
  const { organizations, current } = useOrganizations()
  const navigate = useNavigate()
  if (!current) return null
  const title = organizations.find((each) => each.name === current)?.displayName || current
  if (organizations.length === 1) {
    return (
      <span className={classes.organization}>
        <IconBuilding size={16} aria-hidden />
        {title}
      </span>
    )
  }
  return (
    <Menu position="bottom-start" withArrow>
      <Menu.Target>
        <Button variant="default" size="xs" leftSection={<IconBuilding size={15} />} rightSection={<IconChevronDown size={14} />} aria-label={`Organization ${title}, change`}>
          {title}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>Organization</Menu.Label>
        {organizations.map((each) => (
          <Menu.Item key={each.name} onClick={() => void navigate({ to: '/organizations/$org/applications', params: { org: each.name } })} aria-current={each.name === current || undefined}>
            {each.displayName || each.name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}

function SchemeToggle() {
  const { setColorScheme } = useMantineColorScheme()
  const dark = useComputedColorScheme('light') === 'dark'
  const label = dark ? 'Switch to light' : 'Switch to dark'
  return (
    <Tooltip label={label}>
      <ActionIcon variant="subtle" color="gray" size="lg" onClick={() => setColorScheme(dark ? 'light' : 'dark')} aria-label={label}>
        {dark ? <IconSun size={18} /> : <IconMoon size={18} />}
      </ActionIcon>
    </Tooltip>
  )
}

function Notices() {
  const { data: sovereign } = useQuery(sovereignQuery)
  const { data: bootstrap } = useQuery({ ...bootstrapQuery, refetchInterval: ({ state }) => (state.data && !state.data.ready ? 3000 : false) })
  const simulated = (sovereign?.clusters ?? []).some((cluster) => cluster.simulatedNodes > 0)
  return (
    <>
      {bootstrap && !bootstrap.ready && (
        <output className={classes.notice}>
          <IconRocket size={16} aria-hidden />
          <span>
            The Sovereign is still starting: some parts may not be there yet. <Link to="/sovereign/bootstrap">See how far it is</Link>
          </span>
        </output>
      )}
      {simulated && (
        <output className={classes.notice}>
          <IconGhost2 size={16} aria-hidden />
          <span>Nodes are simulated: pods are only pretended to run</span>
        </output>
      )}
    </>
  )
}
