import {
  DeleteTieringConfigurationCommand,
  GetTieringConfigurationCommand,
  ListTieringConfigurationsCommand,
} from '@aws-sdk/client-backup'
import type { ResourceSelection, TieringConfigurationsListMember } from '@aws-sdk/client-backup'
import Button from '@cloudscape-design/components/button'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { PutTiering } from './put-tiering.tsx'
import type { Tiering } from './put-tiering.tsx'
import { backup } from '../../api/backup.ts'
import { Confirm } from '../../parts/confirm.tsx'
import { count, when } from '../../parts/format.ts'
import { Actions } from '../../parts/layout.tsx'
import { Link, vaultPath } from '../../parts/link.tsx'
import { List } from '../../parts/list.tsx'
import { NoneYet } from '../../parts/none-yet.tsx'
import { notify } from '../../parts/notices.tsx'
import { usePages } from '../../parts/pages.ts'

interface Row extends TieringConfigurationsListMember {
  /** Undefined where who looks may list it and not read it. */
  readonly selections: readonly ResourceSelection[] | undefined
}

/** After how many days the recovery points of buckets move to the second store of their vault, where they stay warm. */
export function TieringConfigurations(): ReactNode {
  const [open, setOpen] = useState<Tiering | 'new'>()
  const [doomed, setDoomed] = useState<string>()
  const pages = usePages(['tiering configurations'], async (NextToken) => {
    const answer = await backup.send(new ListTieringConfigurationsCommand({ MaxResults: 20, NextToken }))
    const rows = await Promise.all((answer.TieringConfigurations ?? []).map(rowOf))
    return { rows, next: answer.NextToken }
  })
  const create = <Button onClick={() => setOpen('new')}>Create tiering configuration</Button>
  return (
    <>
      <List<Row>
        variant="container"
        title="Tiering configurations"
        description="After how many days recovery points of buckets move to the cold storage of their vault. They stay warm there: they are restored and copied as before."
        what="list tiering configurations"
        pages={pages}
        idOf={({ TieringConfigurationArn }) => TieringConfigurationArn ?? ''}
        actions={create}
        empty={
          <NoneYet title="No tiering configurations" action={create}>
            Recovery points of buckets stay in their vault until their lifecycles say otherwise.
          </NoneYet>
        }
        columns={[
          {
            id: 'name',
            header: 'Name',
            isRowHeader: true,
            cell: ({ TieringConfigurationName: name }) => name,
          },
          {
            id: 'vault',
            header: 'Backup vault',
            cell: ({ BackupVaultName: vault = '' }) =>
              vault === '*' ? 'All with cold storage' : <Link to={vaultPath(vault)}>{vault}</Link>,
          },
          {
            id: 'moves',
            header: 'Moves',
            minWidth: 170,
            cell: ({ selections }) => <Moves of={selections} />,
          },
          {
            id: 'moved',
            header: 'What moved',
            cell: ({ BackupVaultName: vault = '' }) => (
              <Link
                to={`/jobs?kind=upkeep&work=move-point${vault === '*' ? '' : `&vault=${encodeURIComponent(vault)}`}`}
              >
                Its jobs
              </Link>
            ),
          },
          {
            id: 'changed',
            header: 'Last changed',
            cell: ({ LastUpdatedTime, CreationTime }) => when(LastUpdatedTime ?? CreationTime),
          },
          {
            id: 'do',
            header: 'Actions',
            minWidth: 130,
            cell: ({ TieringConfigurationName: name = '', BackupVaultName: vault = '', selections }) => (
              <Actions>
                {selections !== undefined && (
                  <Button
                    variant="inline-link"
                    ariaLabel={`Edit ${name}`}
                    onClick={() => setOpen({ name, vault, selections })}
                  >
                    Edit
                  </Button>
                )}
                <Button variant="inline-link" ariaLabel={`Delete ${name}`} onClick={() => setDoomed(name)}>
                  Delete
                </Button>
              </Actions>
            ),
          },
        ]}
      />
      {open !== undefined && (
        <PutTiering
          before={open === 'new' ? undefined : open}
          onClose={() => {
            setOpen(undefined)
            pages.refresh()
          }}
        />
      )}
      {doomed !== undefined && (
        <Confirm
          title={`Delete tiering configuration ${doomed}`}
          what="delete this tiering configuration"
          word="delete"
          action="Delete tiering configuration"
          command={['delete-tiering-configuration', { TieringConfigurationName: doomed }]}
          onClose={() => setDoomed(undefined)}
          onConfirm={async () => {
            await backup.send(new DeleteTieringConfigurationCommand({ TieringConfigurationName: doomed }))
            notify(`Tiering configuration ${doomed} was deleted.`)
            pages.refresh()
          }}
        >
          Nothing more moves. What lies in the cold storage already stays there, and is restored from there.
        </Confirm>
      )}
    </>
  )
}

async function rowOf(member: TieringConfigurationsListMember): Promise<Row> {
  try {
    const { TieringConfigurationName } = member
    const answer = await backup.send(new GetTieringConfigurationCommand({ TieringConfigurationName }))
    return { ...member, selections: answer.TieringConfiguration?.ResourceSelection }
  } catch {
    return { ...member, selections: undefined }
  }
}

function Moves({ of }: { readonly of: readonly ResourceSelection[] | undefined }): ReactNode {
  if (of === undefined) return 'You may not read it'
  return of.map(({ Resources: names = [], TieringDownSettingsInDays: days = 0 }) => (
    <div key={names.join(' ')} title={names.join('\n')}>
      {names.includes('*') ? 'All buckets' : count(names.length, 'bucket')} after {count(days, 'day')}
    </div>
  ))
}
