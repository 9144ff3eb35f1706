import Button from '@cloudscape-design/components/button'
import { useState } from 'react'
import type { ReactNode } from 'react'
import type { Account } from '../../api/generated.ts'
import { roleback } from '../../api/roleback.ts'
import { rolebackCommand } from '../../parts/aws-command.tsx'
import { FormDialog } from '../../parts/form-dialog.tsx'
import { fromSeconds, when } from '../../parts/format.ts'
import { List } from '../../parts/list.tsx'
import { NameField, isName } from '../../parts/name-field.tsx'
import { usePages } from '../../parts/pages.ts'
import { ShownOnce } from '../../parts/shown-once.tsx'
import type { NewKey } from '../../parts/shown-once.tsx'

/** The accounts of this server; only the management account lists and makes them. */
export function Accounts(): ReactNode {
  const [isCreating, setCreating] = useState(false)
  const [newKey, setNewKey] = useState<NewKey>()
  const pages = usePages(['accounts'], async (NextToken) => {
    const answer = await roleback('ListAccounts', {
      MaxResults: 50,
      ...(NextToken !== undefined && { NextToken }),
    })
    return { rows: answer.Accounts, next: answer.NextToken }
  })
  return (
    <>
      <List<Account>
        variant="container"
        title="Accounts"
        description="Each has its own root user, identities, vaults and records. What happens in one is not seen in another."
        what="list accounts"
        pages={pages}
        idOf={({ AccountId }) => AccountId}
        actions={<Button onClick={() => setCreating(true)}>Create account</Button>}
        empty="No accounts"
        columns={[
          { id: 'name', header: 'Name', isRowHeader: true, cell: ({ Name }) => Name },
          { id: 'id', header: 'Account ID', cell: ({ AccountId }) => AccountId },
          { id: 'alias', header: 'Alias', cell: ({ Alias }) => Alias ?? '–' },
          {
            id: 'kind',
            header: 'Kind',
            cell: ({ Management }) => (Management ? 'Management account' : 'Account'),
          },
          { id: 'created', header: 'Created', cell: ({ CreateDate }) => when(fromSeconds(CreateDate)) },
        ]}
      />
      {isCreating && (
        <CreateAccount
          onCreated={setNewKey}
          onClose={() => {
            setCreating(false)
            pages.refresh()
          }}
        />
      )}
      {newKey !== undefined && <ShownOnce newKey={newKey} onClose={() => setNewKey(undefined)} />}
    </>
  )
}

function CreateAccount({
  onCreated,
  onClose,
}: {
  readonly onCreated: (key: NewKey) => void
  readonly onClose: () => void
}): ReactNode {
  const [name, setName] = useState('')
  const [alias, setAlias] = useState('')
  return (
    <FormDialog
      title="Create account"
      what="create this account"
      action="Create account"
      isReady={isName('account', name) && (alias === '' || isName('alias', alias))}
      command={rolebackCommand(['account', 'create', name], { alias })}
      onClose={onClose}
      onSubmit={async () => {
        const made = await roleback('CreateAccount', { Name: name, ...(alias !== '' && { Alias: alias }) })
        onCreated({ accessKeyId: made.AccessKeyId, secretAccessKey: made.SecretAccessKey })
      }}
    >
      <NameField kind="account" value={name} onChange={setName} />
      <NameField
        label="Alias (optional)"
        kind="alias"
        hint="People sign in by it instead of by twelve digits."
        isOptional
        value={alias}
        onChange={setAlias}
      />
    </FormDialog>
  )
}
