import type { Command } from 'commander'
import type { Call } from '../../aws/client.ts'
import type { BackupPlanRun, Pause, SelectionMatch } from '../../aws/generated/roleback.ts'
import { clientFrom } from '../connect.ts'
import { say, sayJson, tableOf } from '../output.ts'
import { addPlanRetention } from './plan-retention.ts'

export function addPlan(program: Command): void {
  const plan = program
    .command('plan')
    .description('backup plans: what they select, what became of their runs')
  plan
    .command('preview <plan-id>')
    .description('every registered resource: whether the plan backs it up, and why')
    .option('--json', 'print the result as JSON')
    .action(async (id: string, options: { json?: boolean }) => {
      const { call } = clientFrom(process.env)
      const { matches, warnings } = await preview(call, id)
      if (options.json === true) return sayJson({ Matches: matches, Warnings: warnings })
      for (const warning of warnings) say(`warning: ${warning}`)
      say(matchTable(matches))
    })
  plan
    .command('runs <plan-id>')
    .description('each time that a rule was due, newest first, and what became of it')
    .option('--json', 'print the result as JSON')
    .action(async (id: string, options: { json?: boolean }) => {
      const { call } = clientFrom(process.env)
      const { Runs, NextToken } = await call('roleback', 'ListBackupPlanRuns', { BackupPlanId: id })
      if (options.json === true) return sayJson(Runs)
      if (Runs.length === 0) return say('No rule of this plan was due yet.')
      say(runTable(Runs))
      if (NextToken !== undefined)
        say(`These are the newest ${Runs.length}; ListBackupPlanRuns has the rest.`)
    })
  plan
    .command('schedule <expression>')
    .description('the next times of a schedule, such as "cron(30 1 * * ? *)", before a plan has it')
    .option('--timezone <zone>', 'such as Europe/Berlin; UTC without it')
    .action(async (ScheduleExpression: string, options: { timezone?: string }) => {
      const { call } = clientFrom(process.env)
      const { Runs } = await call('roleback', 'PreviewSchedule', {
        ScheduleExpression,
        ScheduleExpressionTimezone: options.timezone,
      })
      for (const run of Runs) say(run.toISOString())
    })
  addPlanRetention(plan)
}

export function addPause(program: Command): void {
  program
    .command('pause')
    .description('let plans make no jobs until a time: all, one plan, or one resource')
    .argument('[arn]', 'ARN of the plan or resource; everything without it')
    .requiredOption('--until <time>', 'when they go on, such as 2026-12-24T06:00Z')
    .option('--reason <text>', 'shown wherever the pause is')
    .action(async (arn: string | undefined, options: { until: string; reason?: string }) => {
      const Until = new Date(options.until)
      if (Number.isNaN(Until.getTime())) throw new Error(`"${options.until}" is no time`)
      const { call } = clientFrom(process.env)
      const { Pause: made } = await call('roleback', 'PauseBackups', {
        TargetArn: arn,
        Until,
        Reason: options.reason,
      })
      say(`paused until ${made.Until.toISOString()}: ${nameOf(made)}`)
    })
  program
    .command('resume')
    .description('end a pause now')
    .argument('[arn]', 'ARN of the plan or resource; everything without it')
    .action(async (arn: string | undefined) => {
      const { call } = clientFrom(process.env)
      const { Resumed } = await call('roleback', 'ResumeBackups', { TargetArn: arn })
      say(Resumed ? 'resumed' : 'was not paused; nothing was changed')
    })
  program
    .command('pauses')
    .description('what is paused, until when, by whom')
    .option('--json', 'print the result as JSON')
    .action(async (options: { json?: boolean }) => {
      const { call } = clientFrom(process.env)
      const { Pauses } = await call('roleback', 'ListPauses', {})
      if (options.json === true) sayJson(Pauses)
      else if (Pauses.length === 0) say('Nothing is paused.')
      else say(pauseTable(Pauses))
    })
}

async function preview(
  call: Call,
  BackupPlanId: string,
): Promise<{ readonly matches: readonly SelectionMatch[]; readonly warnings: readonly string[] }> {
  const matches: SelectionMatch[] = []
  const warnings = new Set<string>()
  let NextToken: string | undefined
  do {
    const page = await call('roleback', 'PreviewBackupSelection', { BackupPlanId, NextToken })
    matches.push(...page.Matches)
    for (const warning of page.Warnings) warnings.add(warning)
    NextToken = page.NextToken
  } while (NextToken !== undefined)
  return { matches, warnings: [...warnings] }
}

function matchTable(matches: readonly SelectionMatch[]): string {
  if (matches.length === 0) return 'No resource is registered.'
  return tableOf(
    ['BACKED UP', 'RESOURCE', 'SELECTION', 'BECAUSE'],
    matches.map((match) => [
      match.Selected ? 'yes' : 'no',
      match.ResourceArn,
      match.SelectionName ?? '-',
      match.Reason,
    ]),
  )
}

function runTable(runs: readonly BackupPlanRun[]): string {
  return tableOf(
    ['DUE', 'RULE', 'OUTCOME', 'JOBS', 'WHY'],
    runs.map((run) => [
      run.DueAt.toISOString(),
      run.RuleName ?? run.RuleId,
      run.Outcome,
      String(run.JobCount),
      run.Message ?? '',
    ]),
  )
}

function pauseTable(pauses: readonly Pause[]): string {
  return tableOf(
    ['UNTIL', 'WHAT', 'BY', 'REASON'],
    pauses.map((pause) => [pause.Until.toISOString(), nameOf(pause), pause.PausedBy, pause.Reason ?? '']),
  )
}

const nameOf = ({ TargetArn }: Pause): string => (TargetArn === '*' ? 'all plans' : TargetArn)
