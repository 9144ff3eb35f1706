import { ListBackupPlansCommand } from '@aws-sdk/client-backup'
import type { BackupPlansListMember } from '@aws-sdk/client-backup'
import Button from '@cloudscape-design/components/button'
import SpaceBetween from '@cloudscape-design/components/space-between'
import type { ReactNode } from 'react'
import { useNavigate } from 'react-router'
import { backup } from '../api/backup.ts'
import { ago, when } from '../parts/format.ts'
import { Link } from '../parts/link.tsx'
import { List } from '../parts/list.tsx'
import { usePages } from '../parts/pages.ts'
import { useTitle } from '../parts/screen.tsx'

export function Plans(): ReactNode {
  useTitle('Backup plans')
  const navigate = useNavigate()
  const pages = usePages(['plans'], async (NextToken) => {
    const answer = await backup.send(new ListBackupPlansCommand({ MaxResults: 50, NextToken }))
    return { rows: answer.BackupPlansList ?? [], next: answer.NextToken }
  })
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
      empty={
        <SpaceBetween size="s">
          <b>No backup plans</b>
          <span>A plan backs resources up by itself, as often as its rules say.</span>
          {create}
        </SpaceBetween>
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
