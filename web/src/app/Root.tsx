import { Center, Loader, VisuallyHidden } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Outlet, useLocation } from '@tanstack/react-router'
import { Suspense } from 'react'
import { bootstrapQuery, sessionQuery } from '../api'
import { Components } from '../features/bootstrap/Components'
import { BootstrapScreen } from '../features/bootstrap/BootstrapScreen'
import { safeReturn, SignIn } from '../features/session/SignIn'
import { PersonContext } from '../features/session/useSession'
import { Trouble } from '../ui/Trouble'
import { Boundary } from './Boundary'
import { Shell } from './Shell'

/** Decides what a person sees at all: the start of the Sovereign, the way in, or the console. */
export function Root() {
  // What does not answer is asked again until it does: nobody has to reload.
  const session = useQuery({ ...sessionQuery, refetchInterval: ({ state }) => (state.status === 'error' ? 4000 : false) })
  const bootstrap = useQuery({ ...bootstrapQuery, refetchInterval: session.error ? 4000 : false })
  const location = useLocation()
  const wanted = new URLSearchParams(location.searchStr).get('return_to') ?? undefined
  const returnTo = location.pathname === '/sign-in' ? safeReturn(wanted) : safeReturn(location.href)

  if (session.data) {
    return (
      <PersonContext value={session.data.person}>
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
      </PersonContext>
    )
  }
  if (bootstrap.data && !bootstrap.data.ready) return <BootstrapScreen initial={bootstrap.data} returnTo={returnTo} />
  if (session.isPending || bootstrap.isPending) return <Waiting />
  if (session.error) {
    return (
      <main>
        <Trouble error={session.error} retry={() => void session.refetch()} what="Your session" componentsLink={false} />
        {bootstrap.data?.components && (
          <div style={{ maxWidth: 760, margin: '0 auto', padding: '0 16px 48px' }}>
            <Components components={bootstrap.data.components} />
          </div>
        )}
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
