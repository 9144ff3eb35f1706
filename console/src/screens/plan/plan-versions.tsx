import { ListBackupPlanVersionsCommand } from '@aws-sdk/client-backup'
import type { ReactNode } from 'react'
import { backup } from '../../api/backup.ts'
import { when } from '../../parts/format.ts'
import { Link } from '../../parts/link.tsx'
import { List } from '../../parts/list.tsx'
import { usePages } from '../../parts/pages.ts'

interface Version {
  readonly id: string
  readonly name: string
  readonly created: Date | undefined
  readonly isPresent: boolean
}

/** Every version that a plan had, the newest first; each can be looked at, and come back. */
export function PlanVersions({ planId }: { readonly planId: string }): ReactNode {
  const pages = usePages(['versions', planId], async (NextToken) => {
    const { BackupPlanVersionsList = [], NextToken: next } = await backup.send(
      new ListBackupPlanVersionsCommand({ BackupPlanId: planId, MaxResults: 50, NextToken }),
    )
    const rows = BackupPlanVersionsList.map((one, at): Version => ({
      id: one.VersionId ?? '',
      name: one.BackupPlanName ?? '',
      created: one.CreationDate,
      isPresent: NextToken === undefined && at === 0,
    }))
    return { rows, next }
  })
  return (
    <List<Version>
      variant="container"
      title="Versions"
      description="Open one to see what is different now, and to restore it."
      what="list its versions"
      pages={pages}
      idOf={({ id }) => id}
      empty="No versions."
      columns={[
        {
          id: 'created',
          header: 'Created',
          isRowHeader: true,
          cell: ({ id, created }) => (
            <Link to={`/plans/${encodeURIComponent(planId)}/versions/${encodeURIComponent(id)}`}>
              {when(created)}
            </Link>
          ),
        },
        { id: 'present', header: 'In use', cell: ({ isPresent }) => (isPresent ? 'Now' : 'Earlier') },
        { id: 'name', header: 'Plan’s name', cell: ({ name }) => name },
        { id: 'id', header: 'Version ID', cell: ({ id }) => <span className="arn">{id}</span> },
      ]}
    />
  )
}
