import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router';
import { Failure, Lines } from '../design/states';
import { Root } from './Root';
import { NotFound } from './NotFound';
import { parseSearch, stringifySearch, type Search } from './url';

const root = createRootRoute({
  component: Root,
  notFoundComponent: NotFound,
  validateSearch: (search: Record<string, unknown>) => search as Search,
});

const home = createRoute({
  getParentRoute: () => root,
  path: '/',
  component: lazyRouteComponent(() => import('../home/HomePage'), 'HomePage'),
});
const incidents = createRoute({
  getParentRoute: () => root,
  path: '/incidents',
  component: lazyRouteComponent(() => import('../incident/IncidentQueue'), 'IncidentQueue'),
});
const incident = createRoute({
  getParentRoute: () => root,
  path: '/incidents/$incidentId',
  component: lazyRouteComponent(() => import('../incident/IncidentPage'), 'IncidentPage'),
});
const alerts = createRoute({
  getParentRoute: () => root,
  path: '/alerts',
  component: lazyRouteComponent(() => import('../alert/AlertQueue'), 'AlertQueue'),
});
const alert = createRoute({
  getParentRoute: () => root,
  path: '/alerts/$alertId',
  component: lazyRouteComponent(() => import('../alert/AlertPage'), 'AlertPage'),
});
const hunting = createRoute({
  getParentRoute: () => root,
  path: '/hunting',
  component: lazyRouteComponent(() => import('../hunting/HuntingPage'), 'HuntingPage'),
});
const usage = createRoute({
  getParentRoute: () => root,
  path: '/hunting/usage',
  component: lazyRouteComponent(() => import('../hunting/usage/UsagePage'), 'UsagePage'),
});
const rules = createRoute({
  getParentRoute: () => root,
  path: '/rules',
  component: lazyRouteComponent(() => import('../rule/RuleList'), 'RuleList'),
});
const rule = createRoute({
  getParentRoute: () => root,
  path: '/rules/$ruleId',
  component: lazyRouteComponent(() => import('../rule/RulePage'), 'RulePage'),
});
const sources = createRoute({
  getParentRoute: () => root,
  path: '/sources',
  component: lazyRouteComponent(() => import('../source/SourcesPage'), 'SourcesPage'),
});
const connectors = createRoute({
  getParentRoute: () => root,
  path: '/connectors',
  component: lazyRouteComponent(() => import('../connector/ConnectorsPage'), 'ConnectorsPage'),
});
const lake = createRoute({
  getParentRoute: () => root,
  path: '/lake',
  component: lazyRouteComponent(() => import('../lake/LakePage'), 'LakePage'),
});
const mappings = createRoute({
  getParentRoute: () => root,
  path: '/mappings',
  component: lazyRouteComponent(() => import('../mapping/MappingsPage'), 'MappingsPage'),
});
const mapping = createRoute({
  getParentRoute: () => root,
  path: '/mappings/edit',
  component: lazyRouteComponent(() => import('../mapping/MappingPage'), 'MappingPage'),
});
const lab = createRoute({
  getParentRoute: () => root,
  path: '/lab',
  component: lazyRouteComponent(() => import('../lab/LabPage'), 'LabPage'),
});
const settings = createRoute({
  getParentRoute: () => root,
  path: '/settings',
  component: lazyRouteComponent(() => import('../settings/SettingsPage'), 'SettingsPage'),
});
const health = createRoute({
  getParentRoute: () => root,
  path: '/health',
  component: lazyRouteComponent(() => import('../health/HealthPage'), 'HealthPage'),
});

export const router = createRouter({
  routeTree: root.addChildren([
    home,
    incidents,
    incident,
    alerts,
    alert,
    hunting,
    usage,
    rules,
    rule,
    sources,
    connectors,
    mappings,
    mapping,
    lake,
    lab,
    settings,
    health,
  ]),
  defaultPreload: 'intent',
  defaultPreloadDelay: 50,
  parseSearch,
  stringifySearch,
  scrollRestoration: true,
  defaultPendingComponent: () => <Lines count={10} height={20} />,
  defaultErrorComponent: ({ error, reset }) => <Failure what="this page" error={error} retry={reset} />,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
