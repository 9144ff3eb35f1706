import { CreateLegalHoldCommand, ListLegalHoldsCommand } from '@aws-sdk/client-backup'
import type { LegalHold } from '@aws-sdk/client-backup'
import Button from '@cloudscape-design/components/button'
import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import Multiselect from '@cloudscape-design/components/multiselect'
import Textarea from '@cloudscape-design/components/textarea'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { backup } from '../api/backup.ts'
import { awsCommand } from '../parts/aws-command.tsx'
import { FormDialog } from '../parts/form-dialog.tsx'
import { when } from '../parts/format.ts'
import { Link, holdPath } from '../parts/link.tsx'
import { List } from '../parts/list.tsx'
import { NoneYet } from '../parts/none-yet.tsx'
import { notify } from '../parts/notices.tsx'
import { useLinkedPages } from '../parts/pages.ts'
import { useVaults } from '../parts/vault-choice.ts'
import { Problem } from '../parts/problem.tsx'
import { useTitle } from '../parts/screen.tsx'
import { State } from '../parts/state.tsx'

export function LegalHolds(): ReactNode {
  useTitle('Legal holds')
  const [isCreating, setCreating] = useState(false)
  const pages = useLinkedPages(['legal holds'], async (NextToken) => {
    const answer = await backup.send(new ListLegalHoldsCommand({ MaxResults: 50, NextToken }))
    return { rows: answer.LegalHolds ?? [], next: answer.NextToken }
  })
  const create = (
    <Button variant="primary" onClick={() => setCreating(true)}>
      Create legal hold
    </Button>
  )
  return (
    <>
      <List<LegalHold>
        title="Legal holds"
        description="What is held is not deleted, by anybody or by the end of its retention, until the hold is cancelled."
        what="list legal holds"
        pages={pages}
        idOf={({ LegalHoldId }) => LegalHoldId ?? ''}
        actions={create}
        empty={
          <NoneYet title="No legal holds" action={create}>
            A hold keeps the recovery points of vaults or resources beyond their retention.
          </NoneYet>
        }
        columns={[
          {
            id: 'title',
            header: 'Title',
            isRowHeader: true,
            cell: ({ Title, LegalHoldId: id = '' }) => <Link to={holdPath(id)}>{Title}</Link>,
          },
          { id: 'state', header: 'State', cell: ({ Status }) => <State state={Status} /> },
          { id: 'about', header: 'Why', cell: ({ Description }) => Description },
          { id: 'created', header: 'Created', cell: ({ CreationDate }) => when(CreationDate) },
          {
            id: 'cancelled',
            header: 'Cancelled',
            cell: ({ CancellationDate }) => when(CancellationDate),
          },
        ]}
      />
      {isCreating && (
        <CreateHold
          onClose={() => {
            setCreating(false)
            pages.refresh()
          }}
        />
      )}
    </>
  )
}

function CreateHold({ onClose }: { readonly onClose: () => void }): ReactNode {
  const [title, setTitle] = useState('')
  const [description, setDescription] = useState('')
  const [vaults, setVaults] = useState<readonly string[]>([])
  const [resources, setResources] = useState('')
  const known = useVaults()
  const arns = resources.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]))
  const input = {
    Title: title,
    Description: description,
    RecoveryPointSelection: {
      ...(vaults.length > 0 && { VaultNames: [...vaults] }),
      ...(arns.length > 0 && { ResourceIdentifiers: arns }),
    },
  }
  return (
    <FormDialog
      title="Create legal hold"
      what="create this legal hold"
      action="Create legal hold"
      isReady={title !== '' && description !== '' && vaults.length + arns.length > 0}
      command={awsCommand('backup', 'create-legal-hold', input)}
      onClose={onClose}
      onSubmit={async () => {
        await backup.send(new CreateLegalHoldCommand(input))
        notify(`Legal hold ${title} was created.`)
      }}
    >
      <FormField label="Title">
        <Input value={title} onChange={({ detail }) => setTitle(detail.value)} />
      </FormField>
      <FormField label="Why">
        <Input value={description} onChange={({ detail }) => setDescription(detail.value)} />
      </FormField>
      {known.error !== null && <Problem error={known.error} what="list backup vaults" />}
      <FormField label="Backup vaults" description="With resources below, too: only their points in these.">
        <Multiselect
          selectedOptions={vaults.map((value) => ({ value, label: value }))}
          options={(known.data ?? []).map(({ BackupVaultName: value = '' }) => ({ value, label: value }))}
          placeholder="Choose vaults"
          onChange={({ detail }) => setVaults(detail.selectedOptions.map(({ value = '' }) => value))}
        />
      </FormField>
      <FormField label="Resources (ARNs, one a line)">
        <Textarea value={resources} rows={3} onChange={({ detail }) => setResources(detail.value)} />
      </FormField>
    </FormDialog>
  )
}
