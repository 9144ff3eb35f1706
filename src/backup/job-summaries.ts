import { InvalidParameterValueException } from '../aws/generated/backup.ts'
import type {
  ListBackupJobSummariesInput,
  ListBackupJobSummariesOutput,
  ListCopyJobSummariesInput,
  ListCopyJobSummariesOutput,
  ListRestoreJobSummariesInput,
  ListRestoreJobSummariesOutput,
} from '../aws/generated/backup.ts'
import type { Context } from '../context.ts'
import { countJobs } from '../store/jobs/job-summaries.ts'
import type { JobCount } from '../store/jobs/job-summaries.ts'
import { nextToken, pageOf } from './paging.ts'

const DAY = 86_400_000
const WINDOW_DAYS = 14
/** In a filter: one count for all, or one for each. */
const ALL = 'AGGREGATE_ALL'
const EACH = 'ANY'

interface SummaryInput {
  readonly AccountId?: string | undefined
  readonly State?: string | undefined
  readonly ResourceType?: string | undefined
  readonly MessageCategory?: string | undefined
  readonly AggregationPeriod?: string | undefined
  readonly MaxResults?: number | undefined
  readonly NextToken?: string | undefined
}

interface Summary {
  readonly Region: string
  readonly AccountId: string
  readonly State: string
  readonly ResourceType: string
  readonly MessageCategory: string
  readonly Count: number
  readonly StartTime: Date
  readonly EndTime: Date
}

export async function listBackupJobSummaries(
  ctx: Context,
  input: ListBackupJobSummariesInput,
): Promise<ListBackupJobSummariesOutput> {
  const { rows, ...rest } = await summaries(ctx, 'backup', input)
  return { BackupJobSummaries: rows as ListBackupJobSummariesOutput['BackupJobSummaries'], ...rest }
}

export async function listCopyJobSummaries(
  ctx: Context,
  input: ListCopyJobSummariesInput,
): Promise<ListCopyJobSummariesOutput> {
  const { rows, ...rest } = await summaries(ctx, 'copy', input)
  return { CopyJobSummaries: rows as ListCopyJobSummariesOutput['CopyJobSummaries'], ...rest }
}

export async function listRestoreJobSummaries(
  ctx: Context,
  input: ListRestoreJobSummariesInput,
): Promise<ListRestoreJobSummariesOutput> {
  const { rows, ...rest } = await summaries(ctx, 'restore', input)
  const own = rows.map((row) => ({ ...row, MessageCategory: undefined }))
  return { RestoreJobSummaries: own as ListRestoreJobSummariesOutput['RestoreJobSummaries'], ...rest }
}

/**
 * Counts of the last days, newest first. ONE_DAY: each of the last 14 days; SEVEN_DAYS and FOURTEEN_DAYS: one count of so many
 * days. Days are UTC's and today is one of them.
 */
async function summaries(
  ctx: Context,
  kind: 'backup' | 'copy' | 'restore',
  input: SummaryInput,
): Promise<{ rows: Summary[]; AggregationPeriod: string; NextToken: string | undefined }> {
  const period = input.AggregationPeriod ?? 'ONE_DAY'
  const today = Math.floor(ctx.now / DAY)
  const firstDay = today + 1 - (period === 'SEVEN_DAYS' ? 7 : WINDOW_DAYS)
  const list = `summaries ${kind}`
  const page = pageOf(ctx, list, input)
  const isOwn = input.AccountId === undefined || input.AccountId === ctx.accountId
  const counts = isOwn ? await countJobs(ctx.store.db, { ...placeOf(ctx), kind, since: firstDay * DAY }) : []
  const all = gather(ctx, counts, input, (day) =>
    period === 'ONE_DAY' ? [day, day + 1] : [firstDay, today + 1],
  )
  const from = page.after === undefined ? 0 : offsetOf(page.after)
  const rows = all.slice(from, from + page.limit)
  const next = from + rows.length < all.length ? [String(from + rows.length)] : undefined
  return { rows, AggregationPeriod: period, NextToken: nextToken(ctx, list, next) }
}

const placeOf = ({ accountId, region }: Context) => ({ accountId, region })

function gather(
  ctx: Context,
  counts: readonly JobCount[],
  input: SummaryInput,
  spanOf: (day: number) => readonly [number, number],
): Summary[] {
  const found = new Map<string, Summary>()
  for (const count of counts) {
    const State = labelOf(input.State, count.state)
    const ResourceType = labelOf(input.ResourceType, count.resourceType)
    const MessageCategory = labelOf(input.MessageCategory, count.messageCategory)
    if (State === undefined || ResourceType === undefined || MessageCategory === undefined) continue
    const [start, end] = spanOf(count.day)
    const key = JSON.stringify([start, State, ResourceType, MessageCategory])
    found.set(key, {
      Region: ctx.region,
      AccountId: ctx.accountId,
      State,
      ResourceType,
      MessageCategory,
      Count: (found.get(key)?.Count ?? 0) + count.count,
      StartTime: new Date(start * DAY),
      EndTime: new Date(end * DAY),
    })
  }
  return [...found.values()].toSorted((a, b) => b.StartTime.getTime() - a.StartTime.getTime())
}

/** What a count goes by under a filter; undefined where the filter leaves it out. */
function labelOf(filter: string | undefined, value: string): string | undefined {
  if (filter === ALL) return ALL
  return filter === undefined || filter === EACH || filter === value ? value : undefined
}

function offsetOf([text]: readonly string[]): number {
  if (text === undefined || !/^\d{1,9}$/.test(text))
    throw new InvalidParameterValueException('Invalid NextToken: it is not one that this list gave')
  return Number(text)
}
