import '../../parts/parts.css'
import {
  CreateAccessKeyCommand,
  DeleteAccessKeyCommand,
  ListAccessKeysCommand,
  UpdateAccessKeyCommand,
} from '@aws-sdk/client-iam'
import Button from '@cloudscape-design/components/button'
import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import Textarea from '@cloudscape-design/components/textarea'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { iam } from '../../api/iam.ts'
import type { LimitedAccessKey } from '../../api/generated.ts'
import { roleback } from '../../api/roleback.ts'
import { awsCommand, rolebackCommand } from '../../parts/aws-command.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { FormDialog } from '../../parts/form-dialog.tsx'
import { fromSeconds, when } from '../../parts/format.ts'
import { Actions } from '../../parts/layout.tsx'
import { List } from '../../parts/list.tsx'
import { notify } from '../../parts/notices.tsx'
import { usePages } from '../../parts/pages.ts'
import { notifyProblem } from '../../parts/problem.tsx'
import { ShownOnce } from '../../parts/shown-once.tsx'
import type { NewKey } from '../../parts/shown-once.tsx'
import { State } from '../../parts/state.tsx'

interface Row {
  readonly id: string
  readonly status: string | undefined
  readonly created: Date | undefined
  readonly limits: LimitedAccessKey | undefined
}

/** A user's access keys, those with limits of their own too. */
export function AccessKeys({ user }: { readonly user: string }): ReactNode {
  const [isCreating, setCreating] = useState(false)
  const [doomed, setDoomed] = useState<string>()
  const [newKey, setNewKey] = useState<NewKey>()
  const pages = usePages(['access keys', user], async () => ({ rows: await keysOf(user), next: undefined }))
  const turn = async (id: string, Status: 'Active' | 'Inactive'): Promise<void> => {
    try {
      await iam.send(new UpdateAccessKeyCommand({ UserName: user, AccessKeyId: id, Status }))
      notify(`${id} is ${Status.toLowerCase()}.`)
      pages.refresh()
    } catch (failure) {
      notifyProblem(failure, 'switch this access key on or off')
    }
  }
  return (
    <>
      <List<Row>
        variant="container"
        title="Access keys"
        what="list access keys"
        pages={pages}
        idOf={({ id }) => id}
        actions={<Button onClick={() => setCreating(true)}>Create access key</Button>}
        empty="No access keys"
        columns={[
          { id: 'id', header: 'Access key ID', isRowHeader: true, cell: ({ id }) => id },
          { id: 'state', header: 'State', cell: ({ status }) => <State state={status} /> },
          { id: 'until', header: 'Ends', cell: ({ limits }) => endOf(limits) },
          {
            id: 'held',
            header: 'Held to',
            cell: ({ limits }) =>
              limits?.PolicyDocument === undefined ? 'What the user may' : 'A policy of its own',
          },
          { id: 'created', header: 'Created', cell: ({ created }) => when(created) },
          {
            id: 'do',
            header: 'Actions',
            cell: ({ id, status }) => (
              <Actions>
                <Button
                  variant="inline-link"
                  ariaLabel={`${status === 'Active' ? 'Deactivate' : 'Activate'} ${id}`}
                  onClick={() => void turn(id, status === 'Active' ? 'Inactive' : 'Active')}
                >
                  {status === 'Active' ? 'Deactivate' : 'Activate'}
                </Button>
                <Button variant="inline-link" ariaLabel={`Delete ${id}`} onClick={() => setDoomed(id)}>
                  Delete
                </Button>
              </Actions>
            ),
          },
        ]}
      />
      {isCreating && (
        <CreateKey
          user={user}
          onCreated={setNewKey}
          onClose={() => {
            setCreating(false)
            pages.refresh()
          }}
        />
      )}
      {newKey !== undefined && <ShownOnce newKey={newKey} onClose={() => setNewKey(undefined)} />}
      {doomed !== undefined && (
        <Confirm
          title={`Delete access key ${doomed}`}
          what="delete this access key"
          word="delete"
          action="Delete"
          command={awsCommand('iam', 'delete-access-key', { UserName: user, AccessKeyId: doomed })}
          onClose={() => setDoomed(undefined)}
          onConfirm={async () => {
            await iam.send(new DeleteAccessKeyCommand({ UserName: user, AccessKeyId: doomed }))
            notify('The access key was deleted.')
            pages.refresh()
          }}
        >
          Whoever signs with it is refused from then on.
        </Confirm>
      )}
    </>
  )
}

function endOf(limits: LimitedAccessKey | undefined): string {
  return limits?.ExpirationDate === undefined ? 'never' : when(fromSeconds(limits.ExpirationDate))
}

async function keysOf(UserName: string): Promise<readonly Row[]> {
  const [all, limited] = await Promise.all([
    iam.send(new ListAccessKeysCommand({ UserName, MaxItems: 1000 })),
    // Whoever may not see the limits still sees the keys.
    roleback('ListLimitedAccessKeys', { UserName }).catch(() => undefined),
  ])
  const limits = new Map((limited?.AccessKeys ?? []).map((key) => [key.AccessKeyId, key]))
  return (all.AccessKeyMetadata ?? []).map(({ AccessKeyId: id = '', Status, CreateDate }) => ({
    id,
    status: limits.get(id)?.Status ?? Status,
    created: CreateDate,
    limits: limits.get(id),
  }))
}

const DAY_S = 86_400

function CreateKey({
  user,
  onCreated,
  onClose,
}: {
  readonly user: string
  readonly onCreated: (key: NewKey) => void
  readonly onClose: () => void
}): ReactNode {
  const [days, setDays] = useState('')
  const [policy, setPolicy] = useState('')
  const isLimited = days !== '' || policy.trim() !== ''
  const create = async (): Promise<NewKey> => {
    if (!isLimited) {
      const { AccessKey: key } = await iam.send(new CreateAccessKeyCommand({ UserName: user }))
      return { accessKeyId: key?.AccessKeyId ?? '', secretAccessKey: key?.SecretAccessKey ?? '' }
    }
    const { AccessKey, SecretAccessKey } = await roleback('CreateLimitedAccessKey', {
      UserName: user,
      ...(days !== '' && { ExpirationDate: Math.floor(Date.now() / 1000) + Number(days) * DAY_S }),
      ...(policy.trim() !== '' && { PolicyDocument: policy }),
    })
    return { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: SecretAccessKey }
  }
  return (
    <FormDialog
      title="Create access key"
      what="create this access key"
      action="Create access key"
      isReady={/^\d*$/.test(days)}
      command={
        isLimited
          ? rolebackCommand(['key', 'create'], {
              user,
              expires: days === '' ? undefined : `${days}d`,
              'policy-file': policy.trim() === '' ? undefined : 'FILE',
            })
          : awsCommand('iam', 'create-access-key', { UserName: user })
      }
      onClose={onClose}
      onSubmit={async () => onCreated(await create())}
    >
      <FormField label="Ends after days (optional)" description="Empty: it works until it is deleted.">
        <Input value={days} inputMode="numeric" onChange={({ detail }) => setDays(detail.value)} />
      </FormField>
      <FormField
        label="Policy of its own (optional)"
        description="It may then no more than both this and the user’s policies allow."
      >
        <div className="code">
          <Textarea value={policy} rows={5} onChange={({ detail }) => setPolicy(detail.value)} />
        </div>
      </FormField>
    </FormDialog>
  )
}
