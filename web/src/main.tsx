import '@fontsource-variable/inter'
import '@mantine/core/styles.css'
import './app/global.css'
import { MantineProvider } from '@mantine/core'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { asProblem, Problem, sessionQuery } from './api'
import { router } from './app/router'
import { cssVariables, theme } from './app/theme'

const client = new QueryClient({
  defaultOptions: {
    queries: {
      // What was refused stays refused; what was not reached may be there a moment later.
      retry: (count, error) => asProblem(error).passing && count < 2,
      retryDelay: (attempt) => Math.min(400 * 2 ** attempt, 4000),
    },
  },
})

// A session that ended shows the way in again, whichever request found out.
const signedOut = (error: unknown) => {
  if (asProblem(error).status === 401) client.setQueryData(sessionQuery.queryKey, null)
}
client.getQueryCache().subscribe((event) => event.type === 'updated' && event.action.type === 'error' && signedOut(event.action.error))
client.getMutationCache().subscribe((event) => event.type === 'updated' && event.action.type === 'error' && signedOut(event.action.error))

const root = document.querySelector('#root')
if (!root) throw new Error('index.html has no element with the id "root" to draw the console into.')

// A Problem that a page caught is told on that page; anything else is a mistake of ours.
const onCaughtError = (error: unknown) => {
  if (!(error instanceof Problem)) reportError(error)
}

createRoot(root, { onCaughtError }).render(
  <StrictMode>
    <MantineProvider theme={theme} cssVariablesResolver={cssVariables} defaultColorScheme="auto">
      <QueryClientProvider client={client}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
)
