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
import { FormDialog } from '../../parts/form-dialog.tsx'
import { when } from '../../parts/format.ts'
import { Link, identityPath } from '../../parts/link.tsx'
import { List } from '../../parts/list.tsx'
import { notify } from '../../parts/notices.tsx'
import { usePages } from '../../parts/pages.ts'
import type { Page } from '../../parts/pages.ts'
import { notifyProblem } from '../../parts/problem.tsx'

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

interface MembershipsProps {
  readonly title: string
  readonly what: string
  readonly link: 'group' | 'user'
  readonly about: readonly string[]
  readonly pageOf: (marker: string | undefined) => Promise<Page<Membership>>
  readonly pairOf: (name: string) => { readonly UserName: string; readonly GroupName: string }
}

function Memberships({ title, what, link, about, pageOf, pairOf }: MembershipsProps): ReactNode {
  const [isAdding, setAdding] = useState(false)
  const [name, setName] = useState('')
  const pages = usePages(about, pageOf)
  const remove = async (one: string): Promise<void> => {
    try {
      await iam.send(new RemoveUserFromGroupCommand(pairOf(one)))
      notify('The membership was ended.')
      pages.refresh()
    } catch (failure) {
      notifyProblem(failure, 'end this membership')
    }
  }
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
                onClick={() => void remove(one.name)}
              >
                Remove
              </Button>
            ),
          },
        ]}
      />
      {isAdding && (
        <FormDialog
          title={`Add ${what}`}
          what={`add this ${what}`}
          action="Add"
          isReady={name !== ''}
          command={awsCommand('iam', 'add-user-to-group', pairOf(name))}
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
