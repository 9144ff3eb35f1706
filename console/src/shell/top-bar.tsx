import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import Modal from '@cloudscape-design/components/modal'
import SpaceBetween from '@cloudscape-design/components/space-between'
import TopNavigation from '@cloudscape-design/components/top-navigation'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { useNavigate } from 'react-router'
import { isDark, switchAppearance } from './appearance.ts'
import { useServerFacts } from './server.ts'
import { callWorker, useSession } from '../session/session.ts'

export function TopBar(): ReactNode {
  const session = useSession()
  const facts = useServerFacts()
  const navigate = useNavigate()
  const [isSwitching, setSwitching] = useState(false)
  const [dark, setDark] = useState(isDark())
  const name = session.arn.split(':').slice(5).join(':')
  const regions = facts?.regions ?? [session.region]

  const choose = (id: string): void => {
    if (id === 'switch') setSwitching(true)
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
              { id: 'sign-out', text: 'Sign out' },
            ],
            onItemClick: ({ detail }) => choose(detail.id),
          },
        ]}
      />
      {isSwitching && <SwitchRole onClose={() => setSwitching(false)} />}
    </>
  )
}

function SwitchRole({ onClose }: { readonly onClose: () => void }): ReactNode {
  const session = useSession()
  const [role, setRole] = useState('')
  const [failure, setFailure] = useState<string>()
  const [isBusy, setBusy] = useState(false)
  const roleArn = role.startsWith('arn:') ? role : `arn:aws:iam::${session.accountId}:role/${role}`
  const submit = async (): Promise<void> => {
    setBusy(true)
    try {
      const sessionName = (session.arn.split(/[:/]/).at(-1) ?? 'console').slice(0, 64)
      await callWorker('switchRole', { roleArn, sessionName })
      onClose()
    } catch (error) {
      setFailure((error as Error).message)
      setBusy(false)
    }
  }
  return (
    <Modal
      visible
      onDismiss={onClose}
      closeAriaLabel="Close"
      header="Switch role"
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={onClose}>
              Cancel
            </Button>
            <Button variant="primary" loading={isBusy} disabled={role === ''} onClick={() => void submit()}>
              Switch role
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        {failure !== undefined && (
          <Alert type="error" header="The role was not taken on">
            {failure}
          </Alert>
        )}
        <FormField label="Role" description="Its name, or the ARN of a role of another account.">
          <Input value={role} autoFocus onChange={({ detail }) => setRole(detail.value)} />
        </FormField>
      </SpaceBetween>
    </Modal>
  )
}
