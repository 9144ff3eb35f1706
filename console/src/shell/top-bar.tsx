import TopNavigation from '@cloudscape-design/components/top-navigation'
import { Suspense, lazy, useState } from 'react'
import type { ReactNode } from 'react'
import { useNavigate } from 'react-router'
import { isDark, switchAppearance } from './appearance.ts'
import { useServerFacts } from './server.ts'
import { callWorker, useSession } from '../session/session.ts'

/** Most people do neither: they come when they are asked for. */
const SwitchRole = lazy(async () => ({ default: (await import('./switch-role.tsx')).SwitchRole }))
const ChangePassword = lazy(async () => ({
  default: (await import('./change-password.tsx')).ChangePassword,
}))

export function TopBar(): ReactNode {
  const session = useSession()
  const facts = useServerFacts()
  const navigate = useNavigate()
  const [dialog, setDialog] = useState<'switch' | 'password'>()
  const [dark, setDark] = useState(isDark())
  const name = session.arn.split(':').slice(5).join(':')
  const regions = facts?.regions ?? [session.region]

  const choose = (id: string): void => {
    if (id === 'switch' || id === 'password') setDialog(id)
    else if (id === 'back') void callWorker('switchBack', undefined)
    else if (id === 'sign-out') void callWorker('signOut', undefined).catch(() => undefined)
  }
  return (
    <>
      <TopNavigation
        identity={{
          href: '/console/',
          title: 'Roleback',
          logo: { src: '/console/icon.svg', alt: '' },
          onFollow: (event) => {
            event.preventDefault()
            void navigate('/')
          },
        }}
        i18nStrings={{ overflowMenuTriggerText: 'More', overflowMenuTitleText: 'All' }}
        utilities={[
          {
            type: 'button',
            text: dark ? 'Light' : 'Dark',
            ariaLabel: dark ? 'Light appearance' : 'Dark appearance',
            onClick: () => {
              switchAppearance()
              setDark(isDark())
            },
          },
          {
            type: 'menu-dropdown',
            text: session.region,
            ariaLabel: `Region ${session.region}`,
            items: regions.map((region) => ({ id: region, text: region })),
            onItemClick: ({ detail }) => void callWorker('setRegion', { region: detail.id }),
          },
          {
            type: 'menu-dropdown',
            text: name,
            description: session.arn,
            iconName: 'user-profile',
            items: [
              { id: 'account', text: `Account ${session.accountId}`, disabled: true },
              {
                id: 'until',
                text: `Until ${new Date(session.expiresAt).toLocaleTimeString()}`,
                disabled: true,
              },
              { id: 'switch', text: 'Switch role' },
              ...(session.switchedFrom === undefined
                ? []
                : [{ id: 'back', text: `Back to ${session.switchedFrom.split(':').at(-1) ?? ''}` }]),
              // Root has none, and a role's session is nobody's own.
              ...(name.startsWith('user/') ? [{ id: 'password', text: 'Change password' }] : []),
              { id: 'sign-out', text: 'Sign out' },
            ],
            onItemClick: ({ detail }) => choose(detail.id),
          },
        ]}
      />
      <Suspense fallback={null}>
        {dialog === 'switch' && <SwitchRole onClose={() => setDialog(undefined)} />}
        {dialog === 'password' && <ChangePassword onClose={() => setDialog(undefined)} />}
      </Suspense>
    </>
  )
}
