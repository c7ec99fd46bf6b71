import { MantineProvider } from '@mantine/core'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { createMemoryHistory, createRootRoute, createRouter, RouterProvider } from '@tanstack/react-router'
import { render } from '@testing-library/react'
import type { ReactElement } from 'react'
import { cssVariables, theme } from '../app/theme'

/** Draws a component as the console would, without transitions. */
export function draw(element: ReactElement) {
  return render(
    <MantineProvider theme={theme} cssVariablesResolver={cssVariables} env="test">
      {element}
    </MantineProvider>,
  )
}

/** Draws a component that holds links, or reads what the cache holds. It is there once its first text is awaited. */
export function drawAt(element: ReactElement, client = new QueryClient({ defaultOptions: { queries: { retry: false } } })) {
  const router = createRouter({ routeTree: createRootRoute({ component: () => element }), history: createMemoryHistory() })
  return draw(
    <QueryClientProvider client={client}>
      {/* oxlint-disable-next-line typescript/no-explicit-any -- the console's own routes are registered; this router has none */}
      <RouterProvider router={router as any} />
    </QueryClientProvider>,
  )
}
