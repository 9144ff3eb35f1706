import Tabs from '@cloudscape-design/components/tabs'
import Spinner from '@cloudscape-design/components/spinner'
import { useQuery } from '@tanstack/react-query'
import { Suspense, lazy } from 'react'
import type { ReactNode } from 'react'
import { Accounts } from './accounts.tsx'
import { General } from './general.tsx'
import { Health } from './health.tsx'
import { Notifications } from './notifications.tsx'
import { RecoveryKit } from './recovery-kit.tsx'
import { Storages } from './storages.tsx'
import { roleback } from '../../api/roleback.ts'
import { useFilters } from '../../parts/filters.ts'
import { Screen } from '../../parts/screen.tsx'
import { TAB_WORDS } from '../../parts/tab-words.ts'

const TieringConfigurations = lazy(async () => ({
  default: (await import('./tiering.tsx')).TieringConfigurations,
}))

const OF_MANAGEMENT: ReadonlySet<string> = new Set(['storage', 'accounts'])

export function Settings(): ReactNode {
  const { get, set } = useFilters()
  const { data } = useQuery({
    queryKey: ['server'],
    queryFn: async () => await roleback('DescribeServer', {}),
  })
  // Where bytes lie and who has an account is the management account's; others are told nothing of it.
  const isElsewhere = data !== undefined && data.ManagementAccountId === undefined
  return (
    <Screen title="Settings" description="What holds for the whole account, and for the server.">
      <Tabs
        i18nStrings={TAB_WORDS}
        ariaLabel="Settings"
        activeTabId={get('tab') ?? 'general'}
        onChange={({ detail }) => set('tab', detail.activeTabId)}
        tabs={[
          { id: 'general', label: 'General', content: <General /> },
          { id: 'storage', label: 'Storage', content: <Storages /> },
          {
            id: 'tiering',
            label: 'Tiering',
            content: (
              <Suspense fallback={<Spinner />}>
                <TieringConfigurations />
              </Suspense>
            ),
          },
          { id: 'notifications', label: 'Notifications', content: <Notifications /> },
          { id: 'accounts', label: 'Accounts', content: <Accounts /> },
          { id: 'kit', label: 'Recovery kit', content: <RecoveryKit /> },
          { id: 'health', label: 'Health', content: <Health /> },
        ].filter(({ id }) => !isElsewhere || !OF_MANAGEMENT.has(id))}
      />
    </Screen>
  )
}
