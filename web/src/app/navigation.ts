import type { ReactElement } from 'react';
import { createElement } from 'react';
import {
  AlertUrgentRegular,
  BeakerRegular,
  CloudArrowDownRegular,
  DatabasePlugConnectedRegular,
  DatabaseRegular,
  DataUsageRegular,
  DocumentTextLinkRegular,
  HeartPulseRegular,
  HomeRegular,
  SearchSquareRegular,
  SettingsRegular,
  ShieldErrorRegular,
  ShieldTaskRegular,
} from '@fluentui/react-icons';
import type { Search } from './url';

export interface NavItem {
  to: string;
  label: string;
  icon: ReactElement;
  // The address to open when it differs from the plain page.
  search?: Search;
  // Without any of these permissions the item is not shown; none listed means everybody.
  needs?: readonly string[];
  keys?: string;
}

export interface NavGroup {
  label: string;
  items: readonly NavItem[];
}

// The registry of pages: quick launch, global search and the key help read it.
export const navigation: readonly NavGroup[] = [
  { label: '', items: [{ to: '/', label: 'Home', icon: createElement(HomeRegular) }] },
  {
    label: 'Incidents & alerts',
    items: [
      {
        to: '/incidents',
        label: 'Incidents',
        icon: createElement(AlertUrgentRegular),
        search: { status: ['Active', 'InProgress'] },
        needs: ['secops.data.read'],
        keys: 'g i',
      },
      {
        to: '/alerts',
        label: 'Alerts',
        icon: createElement(ShieldErrorRegular),
        search: { status: ['New', 'InProgress'] },
        needs: ['secops.data.read'],
        keys: 'g a',
      },
    ],
  },
  {
    label: 'Hunting',
    items: [
      { to: '/hunting', label: 'Advanced hunting', icon: createElement(SearchSquareRegular), needs: ['secops.data.read'], keys: 'g h' },
      { to: '/hunting/usage', label: 'Query resources', icon: createElement(DataUsageRegular), needs: ['secops.data.read'] },
      {
        to: '/rules',
        label: 'Detection rules',
        icon: createElement(ShieldTaskRegular),
        needs: ['secops.data.read', 'settings.detection.manage'],
        keys: 'g r',
      },
    ],
  },
  {
    label: 'System',
    items: [
      {
        to: '/sources',
        label: 'Data sources',
        icon: createElement(DatabasePlugConnectedRegular),
        needs: ['secops.data.read', 'settings.core.read'],
        keys: 'g s',
      },
      { to: '/connectors', label: 'Connectors', icon: createElement(CloudArrowDownRegular), needs: ['settings.core.read'], keys: 'g c' },
      { to: '/mappings', label: 'Mappings', icon: createElement(DocumentTextLinkRegular), needs: ['settings.core.read'], keys: 'g m' },
      { to: '/lake', label: 'Data lake', icon: createElement(DatabaseRegular), needs: ['settings.core.read'], keys: 'g k' },
      { to: '/lab', label: 'Evaluation lab', icon: createElement(BeakerRegular), needs: ['settings.core.manage'], keys: 'g l' },
      { to: '/health', label: 'Health', icon: createElement(HeartPulseRegular) },
      {
        to: '/settings',
        label: 'Settings',
        icon: createElement(SettingsRegular),
        needs: ['settings.core.read', 'settings.system.read', 'auth.roles.read'],
      },
    ],
  },
];
