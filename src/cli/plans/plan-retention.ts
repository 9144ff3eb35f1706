import type { Command } from 'commander'
import type { Call } from '../../aws/client.ts'
import type { RetentionCounts, RetentionPreview } from '../../aws/generated/roleback.ts'
import { clientFrom } from '../connect.ts'
import { say, sayJson, tableOf } from '../output.ts'

interface Options {
  readonly rule?: string
  readonly keepLast?: string
  readonly keepDaily?: string
  readonly keepWeekly?: string
  readonly keepMonthly?: string
  readonly keepYearly?: string
  readonly none?: boolean
  readonly preview?: boolean
  readonly json?: boolean
}

type Counts = Omit<RetentionCounts, 'RuleName' | 'UpdatedAt' | 'UpdatedBy'>

export function addPlanRetention(plan: Command): void {
  plan
    .command('retention <plan-id>')
    .description('how many recovery points of each resource a rule keeps, beside how long')
    .option('--rule <name>', 'the rule; needed with counts')
    .option('--keep-last <n>', 'the newest')
    .option('--keep-daily <n>', 'one of each of the newest days that have any')
    .option('--keep-weekly <n>', 'one of each ISO week')
    .option('--keep-monthly <n>', 'one of each month')
    .option('--keep-yearly <n>', 'one of each year')
    .option('--none', 'take the counts of the rule away')
    .option('--preview', 'change nothing; tell what is kept, what goes, and why')
    .option('--json', 'print the result as JSON')
    .action(async (id: string, options: Options) => {
      const { call } = clientFrom(process.env)
      const counts = countsOf(options)
      const isGiven = Object.values(counts).some((count) => count !== undefined)
      if (options.preview === true) return await preview(call, id, options, counts)
      if (isGiven || options.none === true) return await put(call, id, options, counts)
      const { RetentionCounts: rules } = await call('roleback', 'ListRetentionCounts', { BackupPlanId: id })
      if (options.json === true) return sayJson(rules)
      if (rules.length === 0)
        return say('No rule of this plan has counts: points stay as long as its lifecycle says.')
      say(
        tableOf(
          ['RULE', 'KEEPS', 'SET BY'],
          rules.map((one) => [one.RuleName, keeps(one), one.UpdatedBy ?? '']),
        ),
      )
    })
}

async function put(call: Call, id: string, options: Options, counts: Counts): Promise<void> {
  if (options.rule === undefined) throw new Error('--rule is needed: the rule whose points are counted')
  if (options.none === true && Object.values(counts).some((count) => count !== undefined))
    throw new Error('--none takes the counts away: give no others beside it')
  const input = { BackupPlanId: id, RuleName: options.rule, ...counts }
  const { RetentionCounts: made } = await call('roleback', 'PutRetentionCounts', input)
  if (options.json === true) sayJson(made)
  else say(`rule ${made.RuleName} keeps ${keeps(made)}`)
}

async function preview(call: Call, id: string, options: Options, counts: Counts): Promise<void> {
  const points: RetentionPreview[] = []
  let NextToken: string | undefined
  do {
    const input = { BackupPlanId: id, RuleName: options.rule, ...counts, NextToken }
    const page = await call('roleback', 'PreviewRetention', input)
    points.push(...page.RecoveryPoints)
    NextToken = page.NextToken
  } while (NextToken !== undefined)
  if (options.json === true) return sayJson(points)
  if (points.length === 0) return say('No recovery point is counted.')
  say(
    tableOf(
      ['OUTCOME', 'CREATED', 'RULE', 'RECOVERY POINT', 'BECAUSE'],
      points.map((point) => [
        point.Outcome,
        point.CreationDate.toISOString(),
        point.RuleName,
        point.RecoveryPointArn,
        point.Reason,
      ]),
    ),
  )
  const going = points.filter(({ Outcome }) => Outcome === 'GOES').length
  say(`${going} of ${points.length} recovery points go.`)
}

function countsOf(options: Options): Counts {
  const count = (text: string | undefined, name: string): number | undefined => {
    if (text === undefined) return undefined
    if (!/^[1-9]\d{0,4}$/.test(text))
      throw new Error(`--keep-${name} takes a number from 1 on, not "${text}"`)
    return Number(text)
  }
  return {
    KeepLast: count(options.keepLast, 'last'),
    KeepDaily: count(options.keepDaily, 'daily'),
    KeepWeekly: count(options.keepWeekly, 'weekly'),
    KeepMonthly: count(options.keepMonthly, 'monthly'),
    KeepYearly: count(options.keepYearly, 'yearly'),
  }
}

function keeps(counts: Counts): string {
  const named = [
    ['last', counts.KeepLast],
    ['daily', counts.KeepDaily],
    ['weekly', counts.KeepWeekly],
    ['monthly', counts.KeepMonthly],
    ['yearly', counts.KeepYearly],
  ] as const
  const told = named.flatMap(([name, count]) => (count === undefined ? [] : [`${name} ${count}`]))
  return told.length === 0 ? 'what its lifecycle keeps' : told.join(', ')
}
