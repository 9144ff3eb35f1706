import type { BackupRuleInput } from '@aws-sdk/client-backup'
import Header from '@cloudscape-design/components/header'
import Table from '@cloudscape-design/components/table'
import type { ReactNode } from 'react'
import { count, nameOf } from '../../parts/format.ts'
import { Link, vaultPath } from '../../parts/link.tsx'
import { NamedArn } from '../../parts/named-arn.tsx'
import { Sideways } from '../../parts/sideways.tsx'
import { zonedScheduleText } from '../../parts/timetable.ts'

interface RuleTableProps {
  readonly rules: readonly BackupRuleInput[]
  /** Of a plan that is being written: a link would lead away from it. */
  readonly areDraft?: boolean
}

/** The rules of a plan, in words. */
export function RuleTable({ rules, areDraft = false }: RuleTableProps): ReactNode {
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
          {
            id: 'vault',
            header: 'Backup vault',
            cell: ({ TargetBackupVaultName: vault = '' }) =>
              areDraft ? vault : <Link to={vaultPath(vault)}>{vault}</Link>,
          },
          { id: 'kept', header: 'Kept', cell: ({ Lifecycle }) => keptText(Lifecycle) },
          {
            id: 'copies',
            header: 'Copied to',
            cell: ({ CopyActions = [] }) =>
              CopyActions.length === 0
                ? '–'
                : CopyActions.map(({ DestinationBackupVaultArn: arn = '' }) => (
                    <Destination key={arn} of={arn} isDraft={areDraft} />
                  )),
          },
        ]}
      />
    </Sideways>
  )
}

function Destination({ of, isDraft }: { readonly of: string; readonly isDraft: boolean }): ReactNode {
  return <div>{isDraft ? nameOf(of) : <NamedArn of={of} />}</div>
}

export function keptText(lifecycle: BackupRuleInput['Lifecycle']): string {
  const { DeleteAfterDays: days, MoveToColdStorageAfterDays: cold } = lifecycle ?? {}
  const kept = days === undefined ? 'for good' : count(days, 'day')
  return cold === undefined ? kept : `${kept}, cold after ${count(cold, 'day')}`
}
