import type { SideNavigationProps } from '@cloudscape-design/components/side-navigation'

/** The screens that one goes to directly; the paths of others begin with one of these. */
export const NAVIGATION: readonly SideNavigationProps.Item[] = [
  { type: 'link', text: 'Overview', href: '/' },
  { type: 'link', text: 'Resources', href: '/resources' },
  { type: 'link', text: 'Backup plans', href: '/plans' },
  { type: 'link', text: 'Back up now', href: '/back-up' },
  { type: 'link', text: 'Jobs', href: '/jobs' },
  { type: 'link', text: 'Backup vaults', href: '/vaults' },
  { type: 'link', text: 'Search', href: '/search' },
  { type: 'link', text: 'Restore testing', href: '/restore-testing' },
  { type: 'divider' },
  { type: 'link', text: 'Access', href: '/access' },
  { type: 'link', text: 'Audit', href: '/audit' },
  { type: 'link', text: 'Frameworks', href: '/frameworks' },
  { type: 'link', text: 'Reports', href: '/reports' },
  { type: 'link', text: 'Legal holds', href: '/legal-holds' },
  { type: 'link', text: 'Settings', href: '/settings' },
]
