import { Button, Stack, Text, Title } from '@mantine/core'
import { IconLogin2 } from '@tabler/icons-react'
import { useEffect } from 'react'
import { Mark } from '../../ui/Mark'
import classes from './SignIn.module.css'

export const signInHref = (returnTo: string) => `/auth/login?return_to=${encodeURIComponent(returnTo)}`

/** Only a path of our own origin is a place to return to. */
export function safeReturn(path: string | undefined): string {
  return path?.startsWith('/') && !path.startsWith('//') && !path.startsWith('/sign-in') ? path : '/'
}

export function SignIn({ returnTo }: { returnTo: string }) {
  useEffect(() => {
    document.title = 'Sign in · Catalyst'
  }, [])
  return (
    <main className={classes.page}>
      <div className={`surface ${classes.card}`}>
        <Stack gap="lg" align="flex-start">
          <Mark size={44} />
          <div>
            <Title order={1}>Sign in to Catalyst</Title>
            <Text c="dimmed" mt={6}>
              Install, configure and observe the Applications of your Organization. Every change is a Git commit in your name.
            </Text>
          </div>
          <Button component="a" href={signInHref(safeReturn(returnTo))} size="md" fullWidth leftSection={<IconLogin2 size={18} />}>
            Continue to sign in
          </Button>
          {returnTo !== '/' && (
            <Text size="sm" c="dimmed">
              You return to <code>{safeReturn(returnTo)}</code> afterwards.
            </Text>
          )}
        </Stack>
      </div>
    </main>
  )
}
