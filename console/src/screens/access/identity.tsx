import { UpdateAssumeRolePolicyCommand } from '@aws-sdk/client-iam'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import Tabs from '@cloudscape-design/components/tabs'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { useNavigate, useParams } from 'react-router'
import { HOLDERS } from './calls.ts'
import type { Described, PolicyHolder } from './calls.ts'
import { AccessKeys } from './keys.tsx'
import { Groups, Members } from './members.tsx'
import { Permissions } from './permissions.tsx'
import { SignIn } from './sign-in.tsx'
import { Unused } from './unused.tsx'
import { iam } from '../../api/iam.ts'
import { awsCommand } from '../../parts/aws-command.tsx'
import { Arn } from '../../parts/arn.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { Facts } from '../../parts/facts.tsx'
import { useFilters } from '../../parts/filters.ts'
import { nameOf, when } from '../../parts/format.ts'
import { notify } from '../../parts/notices.tsx'
import { PolicyEditor } from '../../parts/policy-editor.tsx'
import { Problem } from '../../parts/problem.tsx'
import { Screen } from '../../parts/screen.tsx'
import { WhoCan } from '../../parts/who-can.tsx'
import { TAB_WORDS } from '../../parts/tab-words.ts'

/** A user, a group or a role: its policies, and what else makes it what it is. */
export function Identity({ kind }: { readonly kind: PolicyHolder }): ReactNode {
  const name = useParams()['name'] ?? ''
  const navigate = useNavigate()
  const { get, set } = useFilters()
  const [isDeleting, setDeleting] = useState(false)
  const { data, error, isPending, refetch } = useQuery({
    queryKey: ['identity', kind, name],
    queryFn: async () => await HOLDERS[kind].describe(name),
  })
  return (
    <Screen
      title={name}
      description={data?.description}
      above={[
        ['Access', '/access'],
        [`${kind.charAt(0).toUpperCase()}${kind.slice(1)}s`, `/access?tab=${kind}s`],
      ]}
      isLoading={isPending}
      actions={
        data !== undefined && (
          <>
            {kind !== 'group' && (
              <Button onClick={() => void navigate(`/access/simulate?who=${encodeURIComponent(data.arn)}`)}>
                Simulate
              </Button>
            )}
            <Button onClick={() => setDeleting(true)}>Delete</Button>
          </>
        )
      }
    >
      {error !== null && <Problem error={error} what={`look at this ${kind}`} />}
      {data !== undefined && (
        <>
          <Container header={<Header variant="h2">Identity</Header>}>
            <Facts
              of={[
                ['ARN', <Arn key="arn" of={data.arn} />],
                ['Path', data.path],
                ['Created', when(data.created)],
                // A group has none.
                ...(kind === 'group'
                  ? []
                  : ([
                      ['Permissions boundary', data.boundary === undefined ? 'None' : nameOf(data.boundary)],
                    ] as const)),
              ]}
            />
          </Container>
          <Tabs
            i18nStrings={TAB_WORDS}
            ariaLabel={`About this ${kind}`}
            activeTabId={get('tab') ?? 'permissions'}
            onChange={({ detail }) => set('tab', detail.activeTabId)}
            tabs={[
              { id: 'permissions', label: 'Permissions', content: <Permissions kind={kind} name={name} /> },
              ...tabsOf(kind, name, data, async () => await refetch()),
            ]}
          />
        </>
      )}
      {isDeleting && (
        <Confirm
          title={`Delete ${kind} ${name}`}
          what={`delete this ${kind}`}
          word="delete"
          action={`Delete ${kind}`}
          command={awsCommand('iam', `delete-${kind}`, { [HOLDERS[kind].option]: name })}
          onClose={() => setDeleting(false)}
          onConfirm={async () => {
            await HOLDERS[kind].remove(name)
            notify(`The ${kind} ${name} was deleted.`)
            await navigate(`/access?tab=${kind}s`)
          }}
        >
          Its policies, keys and memberships must be gone first. One made again under this name is another.
        </Confirm>
      )}
    </Screen>
  )
}

function tabsOf(
  kind: PolicyHolder,
  name: string,
  { arn, trust = '' }: Described,
  refetch: () => Promise<unknown>,
): readonly { readonly id: string; readonly label: string; readonly content: ReactNode }[] {
  const unused = { id: 'unused', label: 'Unused permissions', content: <Unused principalArn={arn} /> }
  switch (kind) {
    case 'group':
      return [{ id: 'members', label: 'Members', content: <Members group={name} /> }]
    case 'user':
      return [
        { id: 'groups', label: 'Groups', content: <Groups user={name} /> },
        { id: 'sign-in', label: 'Sign-in', content: <SignIn user={name} /> },
        { id: 'keys', label: 'Access keys', content: <AccessKeys user={name} /> },
        unused,
      ]
    case 'role':
      return [
        {
          id: 'trust',
          label: 'Trust',
          content: (
            <PolicyEditor
              key={trust}
              title="Trust policy"
              description="Who may take this role on. For backups it names the service backup.amazonaws.com."
              text={trust}
              template={BACKUP_TRUST}
              type="TRUST"
              command={(PolicyDocument) =>
                awsCommand('iam', 'update-assume-role-policy', { RoleName: name, PolicyDocument })
              }
              save={async (PolicyDocument) => {
                await iam.send(new UpdateAssumeRolePolicyCommand({ RoleName: name, PolicyDocument }))
                await refetch()
              }}
            />
          ),
        },
        { id: 'pass', label: 'Who can pass this', content: <WhoCan resourceArn={arn} action="pass" /> },
        unused,
      ]
  }
}

export const BACKUP_TRUST: string = JSON.stringify(
  {
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Principal: { Service: 'backup.amazonaws.com' }, Action: 'sts:AssumeRole' },
    ],
  },
  undefined,
  2,
)
