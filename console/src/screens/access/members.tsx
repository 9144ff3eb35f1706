import {
  AddUserToGroupCommand,
  GetGroupCommand,
  ListGroupsForUserCommand,
  RemoveUserFromGroupCommand,
} from '@aws-sdk/client-iam'
import Button from '@cloudscape-design/components/button'
import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { iam } from '../../api/iam.ts'
import { awsCommand } from '../../parts/aws-command.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { FormDialog } from '../../parts/form-dialog.tsx'
import { when } from '../../parts/format.ts'
import { Link, identityPath } from '../../parts/link.tsx'
import { List } from '../../parts/list.tsx'
import { notify } from '../../parts/notices.tsx'
import { usePages } from '../../parts/pages.ts'
import type { Page } from '../../parts/pages.ts'

interface Membership {
  readonly name: string
  readonly arn: string
  readonly created: Date | undefined
}

/** The users of a group. */
export function Members({ group }: { readonly group: string }): ReactNode {
  return (
    <Memberships
      title="Members"
      what="user"
      link="user"
      pageOf={async (Marker) => {
        const answer = await iam.send(new GetGroupCommand({ GroupName: group, MaxItems: 50, Marker }))
        const rows = (answer.Users ?? []).map(({ UserName = '', Arn = '', CreateDate }) => ({
          name: UserName,
          arn: Arn,
          created: CreateDate,
        }))
        return { rows, next: answer.Marker }
      }}
      about={['members', group]}
      pairOf={(user) => ({ UserName: user, GroupName: group })}
    />
  )
}

/** The groups of a user. */
export function Groups({ user }: { readonly user: string }): ReactNode {
  return (
    <Memberships
      title="Groups"
      what="group"
      link="group"
      pageOf={async (Marker) => {
        const answer = await iam.send(new ListGroupsForUserCommand({ UserName: user, MaxItems: 50, Marker }))
        const rows = (answer.Groups ?? []).map(({ GroupName = '', Arn = '', CreateDate }) => ({
          name: GroupName,
          arn: Arn,
          created: CreateDate,
        }))
        return { rows, next: answer.Marker }
      }}
      about={['groups of', user]}
      pairOf={(group) => ({ UserName: user, GroupName: group })}
    />
  )
}

interface Pair {
  readonly UserName: string
  readonly GroupName: string
}

interface MembershipsProps {
  readonly title: string
  readonly what: string
  readonly link: 'group' | 'user'
  readonly about: readonly string[]
  readonly pageOf: (marker: string | undefined) => Promise<Page<Membership>>
  readonly pairOf: (name: string) => Pair
}

function Memberships({ title, what, link, about, pageOf, pairOf }: MembershipsProps): ReactNode {
  const [isAdding, setAdding] = useState(false)
  const [name, setName] = useState('')
  const [leaving, setLeaving] = useState<string>()
  const pages = usePages(about, pageOf)
  return (
    <>
      <List<Membership>
        variant="container"
        title={title}
        what={`list ${title.toLowerCase()}`}
        pages={pages}
        idOf={({ arn }) => arn}
        actions={<Button onClick={() => setAdding(true)}>Add {what}</Button>}
        empty={`No ${what}s`}
        columns={[
          {
            id: 'name',
            header: 'Name',
            isRowHeader: true,
            cell: (one) => <Link to={identityPath(link, one.name)}>{one.name}</Link>,
          },
          { id: 'created', header: 'Created', cell: ({ created }) => when(created) },
          {
            id: 'do',
            header: 'Actions',
            cell: (one) => (
              <Button
                variant="inline-link"
                ariaLabel={`Remove ${one.name}`}
                onClick={() => setLeaving(one.name)}
              >
                Remove
              </Button>
            ),
          },
        ]}
      />
      {leaving !== undefined && (
        <EndMembership pair={pairOf(leaving)} onClose={() => setLeaving(undefined)} onEnded={pages.refresh} />
      )}
      {isAdding && (
        <FormDialog
          title={`Add ${what}`}
          what={`add this ${what}`}
          action="Add"
          isReady={name !== ''}
          command={awsCommand('iam', 'add-user-to-group', { ...pairOf(name) })}
          onClose={() => {
            setAdding(false)
            pages.refresh()
          }}
          onSubmit={async () => {
            await iam.send(new AddUserToGroupCommand(pairOf(name)))
            notify('The user was added to the group.')
          }}
        >
          <FormField label={`Name of the ${what}`}>
            <Input value={name} onChange={({ detail }) => setName(detail.value)} />
          </FormField>
        </FormDialog>
      )}
    </>
  )
}

interface EndProps {
  readonly pair: Pair
  readonly onClose: () => void
  readonly onEnded: () => void
}

function EndMembership({ pair, onClose, onEnded }: EndProps): ReactNode {
  const { UserName, GroupName } = pair
  return (
    <Confirm
      title={`Remove ${UserName} from ${GroupName}`}
      what="end this membership"
      word="remove"
      action="Remove from group"
      command={awsCommand('iam', 'remove-user-from-group', { UserName, GroupName })}
      onClose={onClose}
      onConfirm={async () => {
        await iam.send(new RemoveUserFromGroupCommand(pair))
        notify(`${UserName} is in ${GroupName} no more.`)
        onEnded()
      }}
    >
      What the group’s policies allow {UserName} may no more, unless another policy allows it, too.
    </Confirm>
  )
}
