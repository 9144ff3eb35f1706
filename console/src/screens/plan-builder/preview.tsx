import Box from '@cloudscape-design/components/box'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Table from '@cloudscape-design/components/table'
import type { TableProps } from '@cloudscape-design/components/table'
import { useQueries } from '@tanstack/react-query'
import { useDeferredValue } from 'react'
import type { ReactNode } from 'react'
import { COUNTS } from './draft.ts'
import type { DraftRule } from './draft.ts'
import { count, fromSeconds, ownZone, when } from '../../parts/format.ts'
import { Problem, isDenied } from '../../parts/problem.tsx'
import { RUNS, scheduleQuery } from '../../parts/schedule.ts'

const DAY_MS = 86_400_000

interface Run {
  readonly at: Date
  readonly of: DraftRule
}

/** When the rules that are being written would run next, and until when what they make is kept. */
export function PlanPreview({ rules }: { readonly rules: readonly DraftRule[] }): ReactNode {
  const asked = useDeferredValue(rules)
  const answers = useQueries({
    queries: asked.map(({ rule: { ScheduleExpression: schedule = '', ScheduleExpressionTimezone: zone } }) =>
      scheduleQuery(schedule, zone),
    ),
  })
  const byRule = asked.map((of, index) => ({
    of,
    error: answers[index]?.error,
    runs: (answers[index]?.data?.Runs ?? []).flatMap((seconds) => fromSeconds(seconds) ?? []),
  }))
  // Of what is refused nobody knows when it would run.
  const isRefused = byRule.some(({ error }) => error !== undefined && isDenied(error))
  const runs: Run[] = byRule.flatMap(({ of, runs: times }) => times.map((at) => ({ at, of })))
  return (
    <Container header={<Header variant="h2">What it would do</Header>}>
      <SpaceBetween size="s">
        {byRule.map(({ of, error }, index) =>
          error === undefined || !isDenied(error) ? null : (
            <Problem key={index} error={error} what={`read the schedule of ${of.rule.RuleName ?? ''}`} />
          ),
        )}
        {byRule.map(({ of, runs: times }, index) => (
          <Box key={index}>
            <b>{of.rule.RuleName}</b>: {retentionText(of, times)}
          </Box>
        ))}
        <Table
          variant="embedded"
          items={runs.toSorted((a, b) => a.at.getTime() - b.at.getTime()).slice(0, RUNS)}
          ariaLabels={{ tableLabel: `Next ${RUNS} runs` }}
          header={
            <Header variant="h3" description={`Your own times, ${ownZone()}.`}>
              {`Next ${RUNS} runs`}
            </Header>
          }
          empty={isRefused ? 'You may not see them.' : 'No rule has a schedule that will be due.'}
          wrapLines
          columnDefinitions={[
            { id: 'at', header: 'Starts', isRowHeader: true, minWidth: 130, cell: ({ at }) => when(at) },
            { id: 'rule', header: 'Rule', minWidth: 110, cell: ({ of }) => of.rule.RuleName },
            {
              id: 'vault',
              header: 'Backup vault',
              minWidth: 120,
              cell: ({ of }) => of.rule.TargetBackupVaultName ?? '–',
            },
            ...(asked.some(({ rule }) => rule.Lifecycle?.MoveToColdStorageAfterDays !== undefined)
              ? COLD
              : []),
            {
              id: 'until',
              header: 'Kept until',
              minWidth: 130,
              cell: ({ at, of }) => dayAfter(at, of.rule.Lifecycle?.DeleteAfterDays) ?? 'for good',
            },
          ]}
        />
      </SpaceBetween>
    </Container>
  )
}

const COLD: readonly TableProps.ColumnDefinition<Run>[] = [
  {
    id: 'cold',
    header: 'Cold from',
    minWidth: 130,
    cell: ({ at, of }) => dayAfter(at, of.rule.Lifecycle?.MoveToColdStorageAfterDays) ?? '–',
  },
]

function dayAfter(at: Date, days: number | undefined): string | undefined {
  return days === undefined ? undefined : when(new Date(at.getTime() + days * DAY_MS))
}

/** How many recovery points of one resource there will be at a time, from the pace of the next runs and the counts. */
function retentionText({ rule, counts }: DraftRule, runs: readonly Date[]): string {
  const days = rule.Lifecycle?.DeleteAfterDays
  const copies = rule.CopyActions?.length ?? 0
  const tail = copies === 0 ? '' : ` Each is copied to ${count(copies, 'other vault')}.`
  const counted = COUNTS.filter(([key]) => counts[key] !== undefined)
  const most = counted.reduce((sum, [key]) => sum + (counts[key] ?? 0), 0)
  const byCounts =
    counted.length === 0
      ? ''
      : ` The counts (${counted.map(([key, , label]) => `${label.toLowerCase()} ${counts[key] ?? 0}`).join(', ')}) keep at most ${most.toLocaleString()} of each resource; the others go earlier.`
  if (days === undefined)
    return `${counted.length === 0 ? 'every recovery point is kept for good.' : 'no recovery point goes by its age.'}${byCounts}${tail}`
  const [first, last] = [runs[0], runs.at(-1)]
  const keeps = `each recovery point is kept for ${count(days, 'day')}`
  if (first === undefined || last === undefined || first === last) return `${keeps}.${byCounts}${tail}`
  const every = (last.getTime() - first.getTime()) / (runs.length - 1)
  const held = Math.max(1, Math.round((days * DAY_MS) / every))
  return `${keeps}, about ${held.toLocaleString()} of each resource at a time.${byCounts}${tail}`
}
