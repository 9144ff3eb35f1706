import Box from '@cloudscape-design/components/box'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Table from '@cloudscape-design/components/table'
import { useQueries } from '@tanstack/react-query'
import { useDeferredValue } from 'react'
import type { ReactNode } from 'react'
import { roleback } from '../api/roleback.ts'
import { count, fromSeconds, when } from '../parts/format.ts'
import { Problem } from '../parts/problem.tsx'

const DAY_MS = 86_400_000
/** As many as AWS shows. */
const RUNS = 10

export interface PreviewedRule {
  readonly name: string
  readonly vault: string | undefined
  readonly schedule: string
  readonly zone: string
  /** Undefined: for good. */
  readonly days: number | undefined
}

interface Run {
  readonly at: Date
  readonly rule: PreviewedRule
}

/** When the rules that are being written would run next, and until when what they make is kept. */
export function PlanPreview({ rules }: { readonly rules: readonly PreviewedRule[] }): ReactNode {
  const asked = useDeferredValue(rules)
  const answers = useQueries({
    queries: asked.map(({ schedule, zone }) => ({
      queryKey: ['schedule', schedule, zone],
      queryFn: async () =>
        await roleback('PreviewSchedule', {
          ScheduleExpression: schedule,
          ...(zone !== '' && { ScheduleExpressionTimezone: zone }),
          MaxRuns: RUNS,
        }),
      enabled: schedule !== '',
      retry: false,
    })),
  })
  const byRule = asked.map((rule, index) => ({
    rule,
    error: answers[index]?.error,
    runs: (answers[index]?.data?.Runs ?? []).flatMap((seconds) => fromSeconds(seconds) ?? []),
  }))
  const runs: Run[] = byRule.flatMap(({ rule, runs: times }) => times.map((at) => ({ at, rule })))
  return (
    <Container header={<Header variant="h2">What it would do</Header>}>
      <SpaceBetween size="s">
        {byRule.map(({ rule, error }, index) =>
          error === null || error === undefined ? null : (
            <Problem key={index} error={error} what={`read the schedule of ${rule.name}`} />
          ),
        )}
        {byRule.map(({ rule, runs: times }, index) => (
          <Box key={index}>
            <b>{rule.name}</b>: {retentionText(rule, times)}
          </Box>
        ))}
        <Table
          variant="embedded"
          items={runs.toSorted((a, b) => a.at.getTime() - b.at.getTime()).slice(0, RUNS)}
          ariaLabels={{ tableLabel: `Next ${RUNS} runs` }}
          header={<Header variant="h3">{`Next ${RUNS} runs`}</Header>}
          empty="No rule has a schedule that will be due."
          wrapLines
          columnDefinitions={[
            { id: 'at', header: 'Starts', isRowHeader: true, cell: ({ at }) => when(at) },
            { id: 'rule', header: 'Rule', cell: ({ rule }) => rule.name },
            { id: 'vault', header: 'Backup vault', cell: ({ rule }) => rule.vault ?? '–' },
            {
              id: 'until',
              header: 'Kept until',
              cell: ({ at, rule: { days } }) =>
                days === undefined ? 'for good' : when(new Date(at.getTime() + days * DAY_MS)),
            },
          ]}
        />
      </SpaceBetween>
    </Container>
  )
}

/** How many recovery points of one resource there will be at a time, from the pace of the next runs. */
function retentionText({ days }: PreviewedRule, runs: readonly Date[]): string {
  if (days === undefined) return 'every recovery point is kept for good.'
  const [first, last] = [runs[0], runs.at(-1)]
  if (first === undefined || last === undefined || first === last)
    return `each recovery point is kept for ${count(days, 'day')}.`
  const every = (last.getTime() - first.getTime()) / (runs.length - 1)
  const held = Math.max(1, Math.round((days * DAY_MS) / every))
  return `each recovery point is kept for ${count(days, 'day')}, about ${held.toLocaleString()} of each resource at a time.`
}
