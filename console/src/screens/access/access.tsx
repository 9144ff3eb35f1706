import {
  ListGroupsCommand,
  ListPoliciesCommand,
  ListRolesCommand,
  ListUsersCommand,
} from '@aws-sdk/client-iam'
import Button from '@cloudscape-design/components/button'
import Tabs from '@cloudscape-design/components/tabs'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { useNavigate, useSearchParams } from 'react-router'
import { CreateIdentity } from './create.tsx'
import { Matrix } from './matrix.tsx'
import { PassGraph } from './pass-graph.tsx'
import { iam } from '../../api/iam.ts'
import { Arn } from '../../parts/arn.tsx'
import { NameFilter } from '../../parts/filter-fields.tsx'
import { useFilters } from '../../parts/filters.ts'
import { count, when } from '../../parts/format.ts'
import { Link, identityPath } from '../../parts/link.tsx'
import type { IdentityKind } from '../../parts/link.tsx'
import { List } from '../../parts/list.tsx'
import { namedPage } from '../../parts/named-page.ts'
import { useLinkedPages } from '../../parts/pages.ts'
import type { Page } from '../../parts/pages.ts'
import { Screen } from '../../parts/screen.tsx'
import { TAB_WORDS } from '../../parts/tab-words.ts'

/** Users, groups, roles and policies of the account; and the way to what explains them. */
export function Access(): ReactNode {
  const navigate = useNavigate()
  const [query, setQuery] = useSearchParams()
  return (
    <Screen
      title="Access"
      description="Who there is, and what they may."
      actions={
        <>
          <Button onClick={() => void navigate('/access/simulate')}>Simulate</Button>
          <Button onClick={() => void navigate('/access/explain')}>Explain a refusal</Button>
        </>
      }
    >
      <Tabs
        i18nStrings={TAB_WORDS}
        ariaLabel="Identities and policies"
        activeTabId={query.get('tab') ?? 'users'}
        onChange={({ detail }) => setQuery({ tab: detail.activeTabId }, { replace: true })}
        tabs={[
          { id: 'users', label: 'Users', content: <Identities of="users" /> },
          { id: 'groups', label: 'Groups', content: <Identities of="groups" /> },
          { id: 'roles', label: 'Roles', content: <Identities of="roles" /> },
          { id: 'policies', label: 'Policies', content: <Identities of="policies" /> },
          { id: 'matrix', label: 'What roles can touch', content: <Matrix /> },
          { id: 'pass', label: 'Who can pass roles', content: <PassGraph /> },
        ]}
      />
    </Screen>
  )
}

type Kind = 'users' | 'groups' | 'roles' | 'policies'

interface Identity {
  readonly name: string
  readonly arn: string
  readonly created: Date | undefined
  readonly about: string
}

const KINDS: Readonly<Record<Kind, IdentityKind>> = {
  users: 'user',
  groups: 'group',
  roles: 'role',
  policies: 'policy',
}

/** What is said of each, beside its name. */
const ABOUT: Readonly<Record<Kind, string>> = {
  users: 'Last sign-in with a password',
  groups: 'Path',
  roles: 'Description',
  policies: 'Attached to',
}

function Identities({ of }: { readonly of: Kind }): ReactNode {
  const [isCreating, setCreating] = useState(false)
  const kind = KINDS[of]
  const filters = useFilters()
  const wanted = filters.get('name')
  const pages = useLinkedPages(
    ['identities', of, wanted],
    async (token) =>
      await namedPage(
        wanted,
        token,
        async (Marker, MaxItems) => await pageOf(of, { Marker, MaxItems }),
        ({ name }) => name,
      ),
  )
  return (
    <>
      <List<Identity>
        variant="container"
        title={`${of.charAt(0).toUpperCase()}${of.slice(1)}`}
        what={`list ${of}`}
        pages={pages}
        idOf={({ arn }) => arn}
        actions={<Button onClick={() => setCreating(true)}>Create {kind}</Button>}
        filter={<NameFilter filters={filters} />}
        empty={wanted === undefined ? `No ${of} yet.` : `No ${kind} is called so.`}
        columns={[
          {
            id: 'name',
            header: 'Name',
            isRowHeader: true,
            cell: ({ name, arn }) => (
              <Link to={identityPath(kind, kind === 'policy' ? arn : name)}>{name}</Link>
            ),
          },
          { id: 'about', header: ABOUT[of], cell: ({ about }) => about },
          { id: 'created', header: 'Created', cell: ({ created }) => when(created) },
          { id: 'arn', header: 'ARN', cell: ({ arn }) => <Arn of={arn} /> },
        ]}
      />
      {isCreating && <CreateIdentity kind={kind} onClose={() => setCreating(false)} />}
    </>
  )
}

async function pageOf(
  of: Kind,
  page: { readonly Marker: string | undefined; readonly MaxItems: number },
): Promise<Page<Identity>> {
  switch (of) {
    case 'users': {
      const answer = await iam.send(new ListUsersCommand(page))
      const rows = (answer.Users ?? []).map(({ UserName = '', Arn = '', CreateDate, PasswordLastUsed }) => ({
        name: UserName,
        arn: Arn,
        created: CreateDate,
        about: PasswordLastUsed === undefined ? 'Never' : when(PasswordLastUsed),
      }))
      return { rows, next: answer.Marker }
    }
    case 'groups': {
      const answer = await iam.send(new ListGroupsCommand(page))
      const rows = (answer.Groups ?? []).map(({ GroupName = '', Arn = '', CreateDate, Path = '/' }) => ({
        name: GroupName,
        arn: Arn,
        created: CreateDate,
        about: Path,
      }))
      return { rows, next: answer.Marker }
    }
    case 'roles': {
      const answer = await iam.send(new ListRolesCommand(page))
      const rows = (answer.Roles ?? []).map(({ RoleName = '', Arn = '', CreateDate, Description }) => ({
        name: RoleName,
        arn: Arn,
        created: CreateDate,
        about: Description ?? '–',
      }))
      return { rows, next: answer.Marker }
    }
    case 'policies': {
      const answer = await iam.send(new ListPoliciesCommand({ ...page, Scope: 'Local' }))
      const rows = (answer.Policies ?? []).map(
        ({ PolicyName = '', Arn = '', CreateDate, AttachmentCount = 0 }) => ({
          name: PolicyName,
          arn: Arn,
          created: CreateDate,
          about: count(AttachmentCount, 'identity', 'identities'),
        }),
      )
      return { rows, next: answer.Marker }
    }
  }
}
