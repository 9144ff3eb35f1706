import { InvalidArgumentError } from 'commander'
import type { Command } from 'commander'
import { clientFrom } from '../connect.ts'
import { humanBytes, say, sayJson, tableOf } from '../output.ts'

export function addVaultUsage(vault: Command): void {
  vault
    .command('usage [name]')
    .description('what a vault, or all of the region together, held day by day, and where that leads')
    .option('--days <n>', 'so far back, 1 to 400 (default: 90)', days)
    .option('--stored', 'also what it takes in the storage; asks for roleback:RestoreUnreadable')
    .option('--json', 'print the result as JSON')
    .action(async (name: string | undefined, options: UsageOptions) => {
      const { call } = clientFrom(process.env)
      const { Usage, Forecast } = await call('roleback', 'ListVaultUsage', {
        BackupVaultName: name,
        Days: options.days,
        IncludeStoredBytes: options.stored,
      })
      if (options.json === true) return sayJson({ Usage, Forecast })
      const stored = (bytes: number | undefined): readonly string[] =>
        bytes === undefined ? [] : [humanBytes(bytes)]
      say(
        tableOf(
          ['DAY', 'RECOVERY POINTS', 'CONTENT', ...(options.stored === true ? ['STORED'] : [])],
          Usage.map((day) => [
            day.Date.toISOString().slice(0, 10),
            String(day.NumberOfRecoveryPoints),
            humanBytes(day.ContentBytes),
            ...stored(day.StoredBytes),
          ]),
        ),
      )
      if (Forecast === undefined) return say('There is no forecast before a week is known.')
      const { ContentBytesIn30Days: content, StoredBytesIn30Days: kept } = Forecast
      const also = kept === undefined ? '' : `, ${humanBytes(kept)} stored`
      say(`In 30 days at the pace of the last ${Forecast.BasedOnDays}: ${humanBytes(content)}${also}`)
    })
}

interface UsageOptions {
  readonly days?: number
  readonly stored?: boolean
  readonly json?: boolean
}

function days(text: string): number {
  if (/^[1-9]\d{0,2}$/.test(text) && Number(text) <= 400) return Number(text)
  throw new InvalidArgumentError('Write a whole number of days, 1 to 400.')
}
