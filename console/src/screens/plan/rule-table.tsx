import type { BackupRuleInput } from '@aws-sdk/client-backup'
import Header from '@cloudscape-design/components/header'
import Table from '@cloudscape-design/components/table'
import type { ReactNode } from 'react'
import { Sideways } from '../../parts/sideways.tsx'
import { count, nameOf } from '../../parts/format.ts'
import { zonedScheduleText } from '../../parts/timetable.ts'

/** The rules of a plan, in words. */
export function RuleTable({ rules }: { readonly rules: readonly BackupRuleInput[] }): ReactNode {
  return (
    <Sideways>
      <Table
        variant="container"
        wrapLines
        header={<Header variant="h2">Rules</Header>}
        items={rules}
        ariaLabels={{ tableLabel: 'Rules' }}
        columnDefinitions={[
          { id: 'name', header: 'Name', isRowHeader: true, cell: (rule) => rule.RuleName },
          {
            id: 'when',
            header: 'When',
            cell: (rule) => (
              <span title={rule.ScheduleExpression}>
                {zonedScheduleText(rule.ScheduleExpression, rule.ScheduleExpressionTimezone)}
              </span>
            ),
          },
          { id: 'vault', header: 'Backup vault', cell: (rule) => rule.TargetBackupVaultName },
          { id: 'kept', header: 'Kept', cell: ({ Lifecycle }) => keptText(Lifecycle) },
          {
            id: 'copies',
            header: 'Copied to',
            cell: ({ CopyActions }) =>
              (CopyActions ?? []).map((copy) => nameOf(copy.DestinationBackupVaultArn)).join(', ') || '–',
          },
        ]}
      />
    </Sideways>
  )
}

export function keptText(lifecycle: BackupRuleInput['Lifecycle']): string {
  const { DeleteAfterDays: days, MoveToColdStorageAfterDays: cold } = lifecycle ?? {}
  const kept = days === undefined ? 'for good' : count(days, 'day')
  return cold === undefined ? kept : `${kept}, cold after ${count(cold, 'day')}`
}
