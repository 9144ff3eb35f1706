import {
  CancelLegalHoldCommand,
  GetLegalHoldCommand,
  ListRecoveryPointsByLegalHoldCommand,
} from '@aws-sdk/client-backup'
import type { GetLegalHoldOutput, RecoveryPointMember } from '@aws-sdk/client-backup'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import Input from '@cloudscape-design/components/input'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { useParams } from 'react-router'
import { backup } from '../api/backup.ts'
import { awsCommand } from '../parts/aws-command.tsx'
import { Facts } from '../parts/facts.tsx'
import { FormDialog } from '../parts/form-dialog.tsx'
import { nameOf, typeName, when } from '../parts/format.ts'
import { Link, restorePath, vaultPath } from '../parts/link.tsx'
import { List } from '../parts/list.tsx'
import { notify } from '../parts/notices.tsx'
import { useLinkedPages } from '../parts/pages.ts'
import { Problem, isDenied } from '../parts/problem.tsx'
import { ResourceLink } from '../parts/resource-link.tsx'
import { Screen } from '../parts/screen.tsx'
import { State } from '../parts/state.tsx'

export function Hold(): ReactNode {
  const id = useParams()['id'] ?? ''
  const [isCancelling, setCancelling] = useState(false)
  const { data, error, isPending, refetch } = useQuery({
    queryKey: ['legal hold', id],
    queryFn: async () => await backup.send(new GetLegalHoldCommand({ LegalHoldId: id })),
  })
  const pages = useLinkedPages(['held by', id], async (NextToken) => {
    const answer = await backup.send(
      new ListRecoveryPointsByLegalHoldCommand({ LegalHoldId: id, MaxResults: 50, NextToken }),
    )
    return { rows: answer.RecoveryPoints ?? [], next: answer.NextToken }
  })
  return (
    <Screen
      title={data?.Title ?? id}
      description={data?.Description}
      above={[['Legal holds', '/legal-holds']]}
      isLoading={isPending}
      actions={
        data?.Status === 'ACTIVE' && <Button onClick={() => setCancelling(true)}>Cancel legal hold</Button>
      }
    >
      {error !== null && <Problem error={error} what="look at this legal hold" />}
      {data !== undefined && <HoldFacts hold={data} />}
      {(error === null || isDenied(error)) && (
        <List<RecoveryPointMember>
          variant="container"
          title="What it holds"
          what="list what it holds"
          pages={pages}
          idOf={({ RecoveryPointArn }) => RecoveryPointArn ?? ''}
          empty="Nothing that there is yet. Recovery points that are made later are held, too."
          columns={[
            {
              id: 'point',
              header: 'Recovery point',
              isRowHeader: true,
              cell: ({ RecoveryPointArn: arn = '', BackupVaultName: vault = '' }) => (
                <Link to={restorePath(vault, arn)}>{nameOf(arn)}</Link>
              ),
            },
            {
              id: 'resource',
              header: 'Resource',
              cell: ({ ResourceArn }) => <ResourceLink arn={ResourceArn} />,
            },
            { id: 'type', header: 'Type', cell: ({ ResourceType }) => typeName(ResourceType) },
            {
              id: 'vault',
              header: 'Vault',
              cell: ({ BackupVaultName: vault = '' }) => <Link to={vaultPath(vault)}>{vault}</Link>,
            },
          ]}
        />
      )}
      {isCancelling && (
        <CancelHold
          id={id}
          onClose={() => {
            setCancelling(false)
            void refetch()
          }}
        />
      )}
    </Screen>
  )
}

function HoldFacts({ hold }: { readonly hold: GetLegalHoldOutput }): ReactNode {
  const { VaultNames = [], ResourceIdentifiers = [], DateRange } = hold.RecoveryPointSelection ?? {}
  return (
    <Container header={<Header variant="h2">Legal hold</Header>}>
      <Facts
        of={[
          ['State', <State key="state" state={hold.Status} />],
          [
            'Backup vaults',
            VaultNames.length === 0
              ? 'All'
              : VaultNames.map((name) => (
                  <div key={name}>
                    <Link to={vaultPath(name)}>{name}</Link>
                  </div>
                )),
          ],
          [
            'Resources',
            ResourceIdentifiers.length === 0
              ? 'All'
              : ResourceIdentifiers.map((arn) => (
                  <div key={arn}>
                    <ResourceLink arn={arn} />
                  </div>
                )),
          ],
          [
            'Made between',
            DateRange === undefined
              ? 'Any time'
              : `${when(DateRange.FromDate)} and ${when(DateRange.ToDate)}`,
          ],
          ['Created', when(hold.CreationDate)],
          ...(hold.CancellationDate === undefined
            ? []
            : ([
                ['Cancelled', when(hold.CancellationDate)],
                ['Cancelled because', hold.CancelDescription],
              ] as const)),
        ]}
      />
    </Container>
  )
}

function CancelHold({ id, onClose }: { readonly id: string; readonly onClose: () => void }): ReactNode {
  const [reason, setReason] = useState('')
  const input = { LegalHoldId: id, CancelDescription: reason }
  return (
    <FormDialog
      title="Cancel legal hold"
      what="cancel this legal hold"
      action="Cancel legal hold"
      isReady={reason.trim() !== ''}
      command={awsCommand('backup', 'cancel-legal-hold', input)}
      onClose={onClose}
      onSubmit={async () => {
        await backup.send(new CancelLegalHoldCommand(input))
        notify('The legal hold was cancelled.')
      }}
    >
      What it holds goes when its retention is over, at once where that is past. The reason is kept for good.
      <FormField label="Reason">
        <Input value={reason} onChange={({ detail }) => setReason(detail.value)} />
      </FormField>
    </FormDialog>
  )
}
