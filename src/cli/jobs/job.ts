import type { Command } from 'commander'
import type { Call } from '../../aws/client.ts'
import type { Job, JobDecision } from '../../aws/generated/roleback.ts'
import { bandwidthFrom, bandwidthText } from '../bandwidth.ts'
import { clientFrom } from '../connect.ts'
import { collect } from '../option-values.ts'
import { followJob, progressOutput } from './follow-job.ts'
import { factsOf, humanBytes, say, sayJson, tableOf } from '../output.ts'
import { FAILED } from '../report.ts'

export function addJob(program: Command): void {
  const job = program.command('job').description('what a job did, what it was allowed, and its end')
  job
    .command('show <id>')
    .description('state, progress and result of a job of any kind')
    .option('--json', 'print the result as JSON')
    .action(async (id: string, options: { json?: boolean }) => {
      const { call } = clientFrom(process.env)
      const { Job: found } = await call('roleback', 'DescribeJob', { JobId: id })
      if (options.json === true) sayJson(found)
      else say(factsOf(jobFacts(found)))
    })
  job
    .command('decisions <id>')
    .description('each action that the job asked for under its role, and which statement decided')
    .option('--json', 'print the result as JSON')
    .action(async (id: string, options: { json?: boolean }) => {
      const { call } = clientFrom(process.env)
      const decisions = await allDecisions(call, id)
      if (options.json === true) sayJson(decisions)
      else if (decisions.length === 0) say('This job has not asked for anything yet.')
      else say(decisionTable(decisions))
    })
  job
    .command('stop <id>')
    .description('end a job that waits or runs, and tell what it leaves')
    .option('--json', 'print the result as JSON')
    .action(async (id: string, options: { json?: boolean }) => {
      const { call } = clientFrom(process.env)
      await stop(call, id)
      // A job that came to its end before it heard of the stop is what it is.
      const ended = await followJob(call, id, 'job', progressOutput(options.json === true))
      if (options.json === true) sayJson(ended)
      if (ended.State !== 'ABORTED') process.exitCode = FAILED
    })
  job
    .command('limits')
    .description(
      'how many jobs may work at a time, and how fast; with options, set them (what is left out is the default again)',
    )
    .option('--per-connection <n>', 'backups, restores, exports and restore tests of one resource')
    .option('--per-host <n>', 'the same, of all resources on one host')
    .option('--per-server <n>', 'these, copies and verifications, on all servers of the database together')
    .option(
      '--limit <hours=bytes>',
      'bytes a second that each server reads from databases and buckets and writes to them, in some hours of the day, e.g. 8-18=4194304; may be given again',
      collect,
    )
    .option('--time-zone <zone>', 'whose hours those are (default: UTC)')
    .option('--default', 'set all to their defaults')
    .option('--json', 'print the result as JSON')
    .action(async (options: LimitOptions) => {
      const { call } = clientFrom(process.env)
      const input = {
        PerConnection: limitOf(options.perConnection),
        PerHost: limitOf(options.perHost),
        PerServer: limitOf(options.perServer),
        Bandwidth: bandwidthFrom(options.limit, options.timeZone),
      }
      const isSet = options.default === true || Object.values(input).some((limit) => limit !== undefined)
      const found = isSet
        ? await call('roleback', 'PutJobLimits', input)
        : await call('roleback', 'DescribeJobLimits', {})
      if (options.json === true) return sayJson(found)
      say(
        factsOf({
          'per connection': found.PerConnection,
          'per host': found.PerHost,
          'per server': found.PerServer ?? 'as many as the workers take',
          'bytes a second':
            found.Bandwidth === undefined
              ? 'no limit'
              : `${bandwidthText(found.Bandwidth)} (${found.Bandwidth.TimeZone})`,
        }),
      )
    })
}

/** Of backups AWS has a call for it, and a right of its own. */
async function stop(call: Call, id: string): Promise<void> {
  const { Job: job } = await call('roleback', 'DescribeJob', { JobId: id })
  if (job.JobType === 'backup') await call('backup', 'StopBackupJob', { BackupJobId: id })
  else await call('roleback', 'StopJob', { JobId: id })
}

interface LimitOptions {
  readonly perConnection?: string
  readonly perHost?: string
  readonly perServer?: string
  readonly limit?: readonly string[]
  readonly timeZone?: string
  readonly default?: boolean
  readonly json?: boolean
}

function limitOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new Error(`a limit is a number from 1 on, not "${text}"`)
  return Number(text)
}

async function allDecisions(call: Call, id: string): Promise<readonly JobDecision[]> {
  const all: JobDecision[] = []
  let NextToken: string | undefined
  do {
    const page = await call('roleback', 'ListJobDecisions', { JobId: id, NextToken })
    all.push(...page.Decisions)
    NextToken = page.NextToken
  } while (NextToken !== undefined)
  return all
}

/** A job's facts under plain names, in the order to read them. */
export function jobFacts(job: Job): Record<string, string | number | undefined> {
  return {
    job: job.JobId,
    kind: job.JobType,
    state: job.State,
    message: job.StatusMessage,
    done: job.PercentDone === undefined ? undefined : `${job.PercentDone.toFixed(1)} %`,
    bytes: job.BytesDone === undefined ? undefined : humanBytes(job.BytesDone),
    items: job.ItemsDone,
    'items failed': job.ItemsFailed === 0 ? undefined : job.ItemsFailed,
    vault: job.BackupVaultName,
    resource: job.ResourceArn,
    'recovery point': job.RecoveryPointArn,
    role: job.IamRoleArn,
    caller: job.CallerArn,
    'asked to stop by': job.StopRequestedBy,
    'asked to stop': job.StopRequestedAt?.toISOString(),
    created: job.CreationDate?.toISOString(),
    ended: job.CompletionDate?.toISOString(),
    ...resultFacts(job.Result ?? {}),
  }
}

/** What a kind of job tells beside: `storedBytes: 4201074` is read as `stored bytes  4.0 MiB`. */
function resultFacts(result: Readonly<Record<string, string>>): Record<string, string> {
  const facts: Record<string, string> = {}
  for (const [name, value] of Object.entries(result)) {
    if (value === '[]') continue
    const words = name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
    facts[words] = /bytes$/i.test(name) && /^\d+$/.test(value) ? humanBytes(Number(value)) : value
  }
  return facts
}

function effectOf({ Effect, IsOptional }: JobDecision): string {
  return Effect === 'Deny' && IsOptional ? 'Deny, goes on without' : Effect
}

/** Denials come with the reason below their line. */
export function decisionTable(decisions: readonly JobDecision[]): string {
  const lines = tableOf(
    ['STEP', 'EFFECT', 'ACTION', 'COUNT', 'FIRST RESOURCE', 'DECIDED BY'],
    decisions.map((d) => [d.Step, effectOf(d), d.Action, String(d.Count), d.ResourceArn, decidedBy(d)]),
  ).split('\n')
  return lines
    .flatMap((line, at) => {
      const decision = decisions[at - 1]
      const isDenied = decision !== undefined && decision.Effect.toLowerCase() !== 'allow'
      return isDenied && decision.Reason !== undefined ? [line, `  ${decision.Reason}`] : [line]
    })
    .join('\n')
}

function decidedBy(decision: JobDecision): string {
  const policy = decision.PolicyArn?.split('/').at(-1)
  if (policy === undefined) return '-'
  return decision.StatementId === undefined ? policy : `${policy} ${decision.StatementId}`
}
