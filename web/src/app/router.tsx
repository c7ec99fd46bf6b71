import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router'
import type { OperationState, Phase } from '../api'
import { ActivityPage } from '../features/activity/ActivityPage'
import { ApplicationsPage } from '../features/applications/ApplicationsPage'
import { changes, type ChangeSearch } from '../features/applications/changes'
import { tabs, type Tab } from '../features/applications/tabs'
import { BootstrapPage } from '../features/bootstrap/BootstrapPage'
import { MarketplacePage } from '../features/marketplace/MarketplacePage'
import { SovereignPage } from '../features/sovereign/SovereignPage'
import { NotFound } from '../ui/Trouble'
import { Home } from './Home'
import { Root, Waiting } from './Root'

const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined)

const rootRoute = createRootRoute({ component: Root, notFoundComponent: () => <NotFound /> })

const routes = [
  createRoute({ getParentRoute: () => rootRoute, path: '/', component: Home }),
  // People who are signed in already have nothing to do here.
  createRoute({ getParentRoute: () => rootRoute, path: '/sign-in', component: Home }),
  createRoute({ getParentRoute: () => rootRoute, path: '/sovereign', component: SovereignPage }),
  createRoute({ getParentRoute: () => rootRoute, path: '/sovereign/bootstrap', component: BootstrapPage }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/marketplace',
    validateSearch: (search: Record<string, unknown>): { q?: string } => ({ q: text(search.q) }),
    component: MarketplacePage,
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/marketplace/$blueprint',
    component: lazyRouteComponent(() => import('../features/marketplace/route')),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/marketplace/$blueprint/install',
    validateSearch: (search: Record<string, unknown>): { version?: string } => ({ version: text(search.version) }),
    component: lazyRouteComponent(() => import('../features/install/route')),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/organizations/$org/applications',
    validateSearch: (search: Record<string, unknown>): { q?: string; environment?: string; phase?: Phase } => ({
      q: text(search.q),
      environment: text(search.environment),
      phase: text(search.phase) as Phase | undefined, // a word that is no phase matches nothing, and the page says so
    }),
    component: ApplicationsPage,
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/organizations/$org/activity',
    validateSearch: (search: Record<string, unknown>): { environment?: string } => ({ environment: text(search.environment) }),
    component: ActivityPage,
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/organizations/$org/operations',
    validateSearch: (search: Record<string, unknown>): { state?: OperationState; application?: string } => ({
      state: text(search.state) as OperationState | undefined,
      application: text(search.application),
    }),
    component: lazyRouteComponent(() => import('../features/operations/OperationsPage')),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/organizations/$org/environments/$env/applications/$app/change',
    validateSearch: (search: Record<string, unknown>): ChangeSearch => ({
      action: changes.find((action) => action === search.action) ?? 'upgrade',
      // A version or a commit may look like a number.
      version: text(search.version) ?? (typeof search.version === 'number' ? String(search.version) : undefined),
      commit: text(search.commit) ?? (typeof search.commit === 'number' ? String(search.commit) : undefined),
      withDependencies: search.withDependencies === true || undefined,
      everywhere: search.everywhere === true || undefined,
    }),
    component: lazyRouteComponent(() => import('../features/applications/ChangePage')),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/organizations/$org/environments/$env/applications/$app',
    validateSearch: (search: Record<string, unknown>): { tab?: Tab; operation?: string } => ({
      tab: tabs.find((tab) => tab === search.tab),
      operation: text(search.operation),
    }),
    component: lazyRouteComponent(() => import('../features/applications/ApplicationPage')),
  }),
] as const

export const router = createRouter({
  routeTree: rootRoute.addChildren(routes),
  defaultPreload: 'intent',
  defaultPendingComponent: Waiting,
  scrollRestoration: true,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
