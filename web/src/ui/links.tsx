import { Anchor, Button, Menu, type AnchorProps, type ButtonProps } from '@mantine/core'
import { createLink } from '@tanstack/react-router'
import type { ReactNode, Ref } from 'react'

interface Extra {
  ref?: Ref<HTMLAnchorElement>
  children?: ReactNode
}

const AnchorRoot = (props: AnchorProps & Extra) => <Anchor {...props} />
const ButtonRoot = (props: ButtonProps & Extra) => <Button component="a" {...props} />
const MenuItemRoot = (props: Extra & { leftSection?: ReactNode }) => <Menu.Item component="a" {...props} />

export const AnchorLink = createLink(AnchorRoot)
export const ButtonLink = createLink(ButtonRoot)
export const MenuItemLink = createLink(MenuItemRoot)
