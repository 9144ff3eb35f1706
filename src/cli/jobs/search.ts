import type { Command } from 'commander'
import type { Call } from '../../aws/client.ts'
import type { FoundItem } from '../../aws/generated/roleback.ts'
import { clientFrom } from '../connect.ts'
import { followJob } from './follow-job.ts'
import { note, say, sayJson, tableOf } from '../output.ts'
import { CommandUsageError } from '../report.ts'
import { collect } from '../option-values.ts'

interface Options {
  readonly resource?: string
  readonly recoveryPoint?: readonly string[]
  readonly under?: string
  readonly minSize?: string
  readonly maxSize?: string
  readonly modifiedAfter?: string
  readonly modifiedBefore?: string
  readonly level?: string
  readonly skip?: string
  readonly json?: boolean
}

export function addSearch(program: Command): void {
  program
    .command('search <vault> [pattern]')
    .description(
      'find files, objects and tables in recovery points by name (* and ?), size and time of the last change',
    )
    .option('--resource <arn>', 'only in recovery points of this resource')
    .option('--recovery-point <arn>', 'only in this one, may be given again', collect)
    .option('--under <prefix>', 'only what lies below, such as /srv/, logs/2026/ or public.')
    .option('--min-size <bytes>', 'at least so large')
    .option('--max-size <bytes>', 'at most so large')
    .option('--modified-after <time>', 'changed then or later, ISO 8601')
    .option('--modified-before <time>', 'changed then or before, ISO 8601')
    .option(
      '--level <delimiter>',
      'one level: what lies behind the next / (or . of tables) is told as one folder',
    )
    .option('--skip <n>', 'pass over so many, which an earlier search told')
    .option('--json', 'print what is found as JSON')
    .action(async (vault: string, pattern: string | undefined, options: Options) => {
      const { call } = clientFrom(process.env)
      const { JobId, Warnings = [] } = await call('roleback', 'StartItemSearchJob', {
        BackupVaultName: vault,
        NamePattern: pattern,
        ResourceArn: options.resource,
        RecoveryPointArns: options.recoveryPoint,
        Prefix: options.under,
        MinSize: numberOf('--min-size', options.minSize, ' of bytes'),
        MaxSize: numberOf('--max-size', options.maxSize, ' of bytes'),
        ModifiedAfter: timeOf('--modified-after', options.modifiedAfter),
        ModifiedBefore: timeOf('--modified-before', options.modifiedBefore),
        Delimiter: options.level,
        Skip: numberOf('--skip', options.skip),
      })
      for (const warning of Warnings) note(warning)
      const job = await followJob(call, JobId, `search ${vault}`, undefined)
      if (job.State !== 'COMPLETED') throw new Error(job.StatusMessage ?? `The search ended ${job.State}`)
      const { items, isTruncated } = await resultsOf(call, JobId)
      if (options.json === true) return sayJson(items)
      if (items.length > 0)
        say(tableOf(['NAME', 'BYTES', 'CHANGED', 'BACKED UP', 'RECOVERY POINT'], rows(items)))
      note(`${job.StatusMessage ?? ''}.`)
      if (isTruncated) note('There are more: narrow the search, or go on with --skip.')
    })
}

const rows = (items: readonly FoundItem[]): string[][] =>
  items.map(({ Name, Size, ModifiedAt, CreationDate, RecoveryPointArn }) => [
    Name,
    String(Size ?? ''),
    ModifiedAt?.toISOString() ?? '',
    CreationDate?.toISOString() ?? '',
    RecoveryPointArn,
  ])

async function resultsOf(
  call: Call,
  JobId: string,
): Promise<{ readonly items: readonly FoundItem[]; readonly isTruncated: boolean }> {
  const items: FoundItem[] = []
  let isTruncated = false
  let NextToken: string | undefined
  do {
    const page = await call('roleback', 'ListItemSearchResults', { JobId, NextToken, MaxResults: 1000 })
    items.push(...page.Items)
    isTruncated = page.IsTruncated === true
    NextToken = page.NextToken
  } while (NextToken !== undefined)
  return { items, isTruncated }
}

function numberOf(option: string, text: string | undefined, of = ''): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new CommandUsageError(`${option} must be a number${of}, not "${text}"`)
}

function timeOf(option: string, text: string | undefined): Date | undefined {
  if (text === undefined) return undefined
  const time = new Date(text)
  if (Number.isNaN(time.getTime()))
    throw new CommandUsageError(`${option} must be a time such as 2026-11-28T12:00:00Z, not "${text}"`)
  return time
}
