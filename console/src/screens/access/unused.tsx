import Box from '@cloudscape-design/components/box'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import { useState } from 'react'
import type { ReactNode } from 'react'
import type { ListUnusedPermissionsOutput, PermissionUse } from '../../api/generated.ts'
import { roleback } from '../../api/roleback.ts'
import { Arn } from '../../parts/arn.tsx'
import { ago, fromSeconds, when, statementText } from '../../parts/format.ts'
import { List } from '../../parts/list.tsx'
import { usePages } from '../../parts/pages.ts'

/** What policies give and nobody has used: what could be taken away. */
export function Unused({ principalArn }: { readonly principalArn: string }): ReactNode {
  const [about, setAbout] = useState<ListUnusedPermissionsOutput>()
  const pages = usePages(['unused', principalArn], async () => {
    const answer = await roleback('ListUnusedPermissions', { PrincipalArn: principalArn, Include: 'all' })
    setAbout(answer)
    return { rows: answer.Permissions, next: undefined }
  })
  return (
    <List<PermissionUse>
      variant="container"
      title="Permissions and their use"
      description={
        about !== undefined && (
          <>
            {about.UnusedCount.toLocaleString()} of {about.PermissionCount.toLocaleString()} were not used
            since {when(fromSeconds(about.From))}.
          </>
        )
      }
      what="see which permissions are used"
      pages={pages}
      idOf={({ PolicyName, StatementId, Action }) => `${PolicyName} ${StatementId} ${Action}`}
      empty="No policy gives anything."
      columns={[
        { id: 'action', header: 'Action', isRowHeader: true, cell: ({ Action }) => <Arn of={Action} /> },
        {
          id: 'by',
          header: 'Given by',
          cell: ({ PolicyName, StatementId }) => `${PolicyName}, ${statementText(StatementId)}`,
        },
        {
          id: 'state',
          header: 'Use',
          cell: ({ Count, LastUsedAt }) =>
            Count === 0 ? (
              <StatusIndicator type="warning">Unused</StatusIndicator>
            ) : (
              <StatusIndicator type="success" wrapText={false}>
                {ago(fromSeconds(LastUsedAt))}
              </StatusIndicator>
            ),
        },
        { id: 'count', header: 'Times', cell: ({ Count }) => Count.toLocaleString() },
        {
          id: 'used',
          header: 'Used of it',
          cell: ({ UsedActions }) => <Box variant="small">{UsedActions.join(', ') || '–'}</Box>,
        },
      ]}
    />
  )
}
