import { Button, Menu } from '@mantine/core'
import { IconArrowBackUp, IconChevronDown, IconPlayerPause, IconPlayerPlay, IconTrash } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { blueprintQuery, type Application } from '../../api'
import { ButtonLink, MenuItemLink } from '../../ui/links'
import { newest } from './versions'

const address = '/organizations/$org/environments/$env/applications/$app/change'

/** What can be asked of an Application in its Environment. Each leads to the plan first. */
export function Actions({ org, application }: { org: string; application: Application }) {
  const { name: app, environment: env = '', blueprint, phase } = application
  const { data } = useQuery(blueprintQuery(blueprint.name))
  const next = newest(data?.versions ?? [], blueprint.version)
  const params = { org, env, app }
  const item = { to: address, params } as const
  return (
    <>
      <ButtonLink to={address} params={params} search={{ action: 'upgrade', version: next }} variant={next ? 'filled' : 'default'}>
        {next ? `Upgrade to ${next}` : 'Change the version'}
      </ButtonLink>
      <Menu position="bottom-end" shadow="md" width={220} withinPortal={false} withInitialFocusPlaceholder={false}>
        <Menu.Target>
          <Button variant="default" rightSection={<IconChevronDown size={15} aria-hidden />}>
            More
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {phase === 'Paused' ? (
            <MenuItemLink {...item} search={{ action: 'resume' }} leftSection={<IconPlayerPlay size={16} aria-hidden />}>
              Resume
            </MenuItemLink>
          ) : (
            <MenuItemLink {...item} search={{ action: 'pause' }} leftSection={<IconPlayerPause size={16} aria-hidden />}>
              Pause
            </MenuItemLink>
          )}
          <MenuItemLink {...item} search={{ action: 'rollback' }} leftSection={<IconArrowBackUp size={16} aria-hidden />}>
            Roll back
          </MenuItemLink>
          <Menu.Divider />
          <MenuItemLink {...item} search={{ action: 'uninstall' }} leftSection={<IconTrash size={16} aria-hidden />}>
            Uninstall
          </MenuItemLink>
        </Menu.Dropdown>
      </Menu>
    </>
  )
}
