import { ListBackupPlansCommand } from '@aws-sdk/client-backup'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import type { ReactNode } from 'react'
import { backup } from '../api/backup.ts'
import { roleback } from '../api/roleback.ts'
import { Link } from '../parts/link.tsx'
import { List } from '../parts/list.tsx'
import { usePages } from '../parts/pages.ts'
import type { Page } from '../parts/pages.ts'

/** Plans on one page: each is asked for its verdict. */
const PER_PAGE = 20

interface Row {
  readonly id: string
  readonly name: string
  readonly isSelected: boolean
  readonly assignment: string | undefined
  readonly why: string
}

/** The plans that back a resource up, and why; and why the others do not. */
export function ResourcePlans({ arn }: { readonly arn: string }): ReactNode {
  const pages = usePages(['plans of', arn], async (token) => await plansPage(arn, token))
  return (
    <List<Row>
      variant="container"
      title="Backup plans"
      description="Whether each plan backs this resource up at its next run, and by what."
      what="see which plans back it up"
      pages={pages}
      idOf={({ id }) => id}
      empty="There is no backup plan yet: it is backed up by hand only."
      columns={[
        {
          id: 'name',
          header: 'Plan',
          isRowHeader: true,
          cell: ({ id, name }) => <Link to={`/plans/${encodeURIComponent(id)}`}>{name}</Link>,
        },
        {
          id: 'state',
          header: 'Backs it up',
          cell: ({ isSelected }) =>
            isSelected ? (
              <StatusIndicator type="success">Yes</StatusIndicator>
            ) : (
              <StatusIndicator type="stopped">No</StatusIndicator>
            ),
        },
        { id: 'assignment', header: 'Resource assignment', cell: ({ assignment }) => assignment ?? '–' },
        { id: 'why', header: 'Why', cell: ({ why }) => why },
      ]}
    />
  )
}

/** A page of all plans, those that back the resource up first. */
export async function plansPage(arn: string, NextToken: string | undefined): Promise<Page<Row>> {
  const answer = await backup.send(new ListBackupPlansCommand({ MaxResults: PER_PAGE, NextToken }))
  const rows = await Promise.all(
    (answer.BackupPlansList ?? []).map(
      async ({ BackupPlanId: id = '', BackupPlanName: name = '' }) => await rowOf(arn, id, name),
    ),
  )
  return {
    rows: rows.toSorted((a, b) => Number(b.isSelected) - Number(a.isSelected)),
    next: answer.NextToken,
  }
}

async function rowOf(ResourceArn: string, BackupPlanId: string, name: string): Promise<Row> {
  const { Matches } = await roleback('PreviewBackupSelection', { BackupPlanId, ResourceArn })
  const match = Matches[0]
  return {
    id: BackupPlanId,
    name,
    isSelected: match?.Selected ?? false,
    assignment: match?.SelectionName,
    why: match?.Reason ?? '–',
  }
}
