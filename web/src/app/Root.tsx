import { Center, Loader, VisuallyHidden } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Outlet, useLocation } from '@tanstack/react-router'
import { Suspense } from 'react'
import { bootstrapQuery, sessionQuery } from '../api'
import { BootstrapScreen } from '../features/bootstrap/BootstrapScreen'
import { safeReturn, SignIn } from '../features/session/SignIn'
import { Trouble } from '../ui/Trouble'
import { Boundary } from './Boundary'
import { Shell } from './Shell'

/** Decides what a person sees at all: the start of the Sovereign, the way in, or the console. */
export function Root() {
  const session = useQuery(sessionQuery)
  const bootstrap = useQuery(bootstrapQuery)
  const location = useLocation()
  const wanted = new URLSearchParams(location.searchStr).get('return_to') ?? undefined
  const returnTo = location.pathname === '/sign-in' ? safeReturn(wanted) : safeReturn(location.href)

  if (session.data) {
    return (
      <Boundary>
        <Suspense fallback={<Waiting />}>
          <Shell>
            <Boundary key={location.pathname}>
              <Suspense fallback={<Waiting />}>
                <Outlet />
              </Suspense>
            </Boundary>
          </Shell>
        </Suspense>
      </Boundary>
    )
  }
  if (bootstrap.data && !bootstrap.data.ready) return <BootstrapScreen initial={bootstrap.data} returnTo={returnTo} />
  if (session.isPending || bootstrap.isPending) return <Waiting />
  if (session.error) {
    return (
      <main>
        <Trouble error={session.error} retry={() => void session.refetch()} what="Your session" />
      </main>
    )
  }
  return <SignIn returnTo={returnTo} />
}

export function Waiting() {
  return (
    <Center h="50vh" component="output">
      <Loader type="dots" aria-hidden />
      <VisuallyHidden>Loading</VisuallyHidden>
    </Center>
  )
}
