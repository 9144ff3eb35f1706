import { ListBackupPlansCommand } from '@aws-sdk/client-backup'
import type { BackupPlansListMember } from '@aws-sdk/client-backup'
import Button from '@cloudscape-design/components/button'
import type { ReactNode } from 'react'
import { useNavigate } from 'react-router'
import { backup } from '../api/backup.ts'
import { NameFilter } from '../parts/filter-fields.tsx'
import { useFilters } from '../parts/filters.ts'
import { ago, when } from '../parts/format.ts'
import { Link } from '../parts/link.tsx'
import { List } from '../parts/list.tsx'
import { namedPage } from '../parts/named-page.ts'
import { NoneYet } from '../parts/none-yet.tsx'
import { useLinkedPages } from '../parts/pages.ts'
import type { Page } from '../parts/pages.ts'
import { useTitle } from '../parts/screen.tsx'

export function Plans(): ReactNode {
  useTitle('Backup plans')
  const navigate = useNavigate()
  const filters = useFilters()
  const name = filters.get('name')
  const pages = useLinkedPages(
    ['plans', name],
    async (token) => await namedPage(name, token, plansPage, ({ BackupPlanName }) => BackupPlanName),
  )
  const create = (
    <Button variant="primary" onClick={() => void navigate('/plans/create')}>
      Create backup plan
    </Button>
  )
  return (
    <List<BackupPlansListMember>
      title="Backup plans"
      description="When what is backed up, where to, and how long it is kept."
      what="list backup plans"
      pages={pages}
      idOf={(plan) => plan.BackupPlanId ?? ''}
      actions={create}
      filter={<NameFilter filters={filters} />}
      empty={
        name === undefined ? (
          <NoneYet title="No backup plans" action={create}>
            A plan backs resources up by itself, as often as its rules say.
          </NoneYet>
        ) : (
          'No backup plan is called so.'
        )
      }
      columns={[
        {
          id: 'name',
          header: 'Name',
          isRowHeader: true,
          cell: ({ BackupPlanId: id = '', BackupPlanName }) => (
            <Link to={`/plans/${encodeURIComponent(id)}`}>{BackupPlanName}</Link>
          ),
        },
        {
          id: 'last',
          header: 'Last run',
          cell: ({ LastExecutionDate: at }) => <span title={when(at)}>{ago(at)}</span>,
        },
        { id: 'created', header: 'Created', cell: (plan) => when(plan.CreationDate) },
        { id: 'id', header: 'ID', cell: (plan) => plan.BackupPlanId },
      ]}
    />
  )
}

async function plansPage(
  NextToken: string | undefined,
  MaxResults: number,
): Promise<Page<BackupPlansListMember>> {
  const answer = await backup.send(new ListBackupPlansCommand({ MaxResults, NextToken }))
  return { rows: answer.BackupPlansList ?? [], next: answer.NextToken }
}
