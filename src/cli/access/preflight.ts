import type { Command } from 'commander'
import type {
  PreflightCheck,
  PreflightJobsInput,
  PreflightJobsOutput,
  TargetCheck,
} from '../../aws/generated/roleback.ts'
import { printable } from '../../lib/log.ts'
import { clientFrom } from '../connect.ts'
import { policyLines } from './policy-lines.ts'
import { say, sayJson, tableOf } from '../output.ts'
import { CommandUsageError, FAILED } from '../report.ts'
import { collect } from '../option-values.ts'
import { roleArnOf } from './role-name.ts'

interface Common {
  readonly role: string
  readonly all?: boolean
  readonly json?: boolean
}

interface BackupOptions extends Common {
  readonly vault: string
  readonly deleteAfterDays?: string
}

interface CopyOptions extends Common {
  readonly to: string
  readonly deleteAfterDays?: string
}

interface RestoreOptions extends Common {
  readonly metadata?: readonly string[]
  readonly copyTags?: boolean
}

/** As many as the server looks at the targets of in one call. */
const MAX_LOOKED_AT = 10

const ROLE = ['--role <role>', 'name or ARN of the role to pass'] as const
const ALL = ['--all', 'list what is allowed, too'] as const
const JSON_OPTION = ['--json', 'print the result as JSON'] as const

/** Asks beforehand for everything that jobs will be asked for. Ends with 1 where something is missing. */
export function addPreflight(program: Command): void {
  const preflight = program
    .command('preflight')
    .description('everything that a backup, restore, copy or selection lacks, before it runs')
  preflight
    .command('backup <resources...>')
    .description('backups of these resources: ARNs, also with *')
    .requiredOption(...ROLE)
    .requiredOption('--vault <name>', 'backup vault that the recovery points go to')
    .option('--delete-after-days <days>', 'check, too, that the role may let the recovery points expire')
    .option(...ALL)
    .option(...JSON_OPTION)
    .action(async (ResourceArns: string[], options: BackupOptions) => {
      await run(options, {
        Operation: 'StartBackupJob',
        BackupVaultName: options.vault,
        ResourceArns,
        DeleteAfterDays: daysOf(options.deleteAfterDays),
      })
    })
  preflight
    .command('selection <resources...>')
    .description('these resources in a plan: its vaults and retentions are checked')
    .requiredOption(...ROLE)
    .requiredOption('--plan <id>', 'id of the backup plan')
    .option(...ALL)
    .option(...JSON_OPTION)
    .action(async (ResourceArns: string[], options: Common & { readonly plan: string }) => {
      await run(options, { Operation: 'CreateBackupSelection', BackupPlanId: options.plan, ResourceArns })
    })
  preflight
    .command('restore <points...>')
    .description('restores of these recovery points')
    .requiredOption(...ROLE)
    .option('-m, --metadata <key=value>', 'restore metadata; may be given again', collect)
    .option('--copy-tags', 'as with CopySourceTagsToRestoredResource')
    .option(...ALL)
    .option(...JSON_OPTION)
    .action(async (RecoveryPointArns: string[], options: RestoreOptions) => {
      await run(options, {
        Operation: 'StartRestoreJob',
        RecoveryPointArns,
        // Each of them is looked at by a worker; of many the rights alone are asked.
        CheckTarget: RecoveryPointArns.length <= MAX_LOOKED_AT,
        Metadata: metadataOf(options.metadata ?? []),
        CopySourceTagsToRestoredResource: options.copyTags === true,
      })
    })
  preflight
    .command('copy <points...>')
    .description('copies of these recovery points')
    .requiredOption(...ROLE)
    .requiredOption('--to <vault-arn>', 'ARN of the destination vault')
    .option('--delete-after-days <days>', 'check, too, that the role may let the copies expire')
    .option(...ALL)
    .option(...JSON_OPTION)
    .action(async (RecoveryPointArns: string[], options: CopyOptions) => {
      await run(options, {
        Operation: 'StartCopyJob',
        RecoveryPointArns,
        DestinationBackupVaultArn: options.to,
        DeleteAfterDays: daysOf(options.deleteAfterDays),
      })
    })
}

async function run(options: Common, input: Omit<PreflightJobsInput, 'IamRoleArn'>): Promise<void> {
  const { call } = clientFrom(process.env)
  const IamRoleArn = await roleArnOf(call, options.role)
  const Include = options.all === true ? 'all' : 'missing'
  let found = await call('roleback', 'PreflightJobs', { ...input, IamRoleArn, Include })
  while (found.NextToken !== undefined) {
    const { NextToken } = found
    found = joined(
      found,
      await call('roleback', 'PreflightJobs', { ...input, IamRoleArn, Include, NextToken }),
    )
  }
  if (options.json === true) sayJson(found)
  else say(report(found))
  if (found.Verdict === 'denied') process.exitCode = FAILED
}

/** Two pages as one answer. */
function joined(page: PreflightJobsOutput, next: PreflightJobsOutput): PreflightJobsOutput {
  const worst = (['denied', 'depends', 'allowed'] as const).find(
    (one) => page.Verdict === one || next.Verdict === one,
  )
  return {
    Verdict: worst ?? next.Verdict,
    CheckCount: page.CheckCount + next.CheckCount,
    MissingCount: page.MissingCount + next.MissingCount,
    ResourceCount: page.ResourceCount + next.ResourceCount,
    Findings: [...page.Findings, ...next.Findings],
    Checks: [...page.Checks, ...next.Checks],
    Resources: [...page.Resources, ...next.Resources],
    Changes: [...page.Changes, ...next.Changes],
    LeftOut: page.LeftOut + next.LeftOut,
    NextToken: next.NextToken,
  }
}

function daysOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,5}$/.test(text)) return Number(text)
  throw new CommandUsageError(`--delete-after-days "${text}" is not a number of days`)
}

function metadataOf(given: readonly string[]): Readonly<Record<string, string>> {
  const entries = given.map((text): [string, string] => {
    const at = text.indexOf('=')
    if (at < 1) throw new CommandUsageError(`--metadata "${text}" is not KEY=VALUE`)
    return [text.slice(0, at), text.slice(at + 1)]
  })
  return Object.fromEntries(entries)
}

/** The whole answer for people: what stands in the way, what is missing, and the policies that would add it. */
export function report(found: PreflightJobsOutput): string {
  const findings = [...found.Findings, ...found.Resources.flatMap((one) => one.Findings)]
  const checks = [...found.Checks, ...found.Resources.flatMap((one) => one.Checks)]
  const parts = [
    summary(found),
    findings.map(({ Code, Message }) => printable(`${Code}: ${Message}`)).join('\n'),
    ...found.Resources.map(({ ResourceArn, TargetChecks = [] }) =>
      TargetChecks.length === 0 ? '' : `${ResourceArn}\n${targetTable(TargetChecks)}`,
    ),
    checks.length === 0 ? '' : tableOf(HEADER, checks.map(row)),
    found.LeftOut === 0 ? '' : `${found.LeftOut} further lines are left out`,
    reasons(checks),
    ...found.Changes.map((change) => policyLines(change).join('\n')),
  ]
  return parts.filter((part) => part !== '').join('\n\n')
}

const HEADER = ['answer', 'asks', 'step', 'action', 'on']

function targetTable(checks: readonly TargetCheck[]): string {
  const rows = checks.map(({ Name, Answer, Message }) => [Name, ANSWERS[Answer], printable(Message)])
  return tableOf(['checked', 'answer', 'found'], rows)
}

const ANSWERS = { yes: 'yes', no: 'NO', unknown: 'unknown' } as const

function row(check: PreflightCheck): readonly string[] {
  const answer = check.Verdict === 'denied' ? 'MISSING' : check.Verdict
  const optional = check.Optional ? ' (optional)' : ''
  return [answer + optional, check.Layer, check.Step ?? '', check.Action, check.ResourceArn]
}

function summary({ Verdict, CheckCount, MissingCount, ResourceCount }: PreflightJobsOutput): string {
  const about = `${CheckCount} checks for ${ResourceCount} ${ResourceCount === 1 ? 'resource' : 'resources'}`
  switch (Verdict) {
    case 'allowed':
      return `Nothing is missing: ${about}`
    case 'depends':
      return `Nothing is certain to be refused, but ${MissingCount} of ${about} depend on what the job finds`
    case 'denied':
      return MissingCount === 0 ? `It cannot run: ${about}` : `${MissingCount} of ${about} are not allowed`
  }
}

/** Thousands of resources are refused for the same few reasons. */
function reasons(checks: readonly PreflightCheck[]): string {
  const found = new Set(
    checks
      .filter(({ Verdict }) => Verdict !== 'allowed')
      .map(({ Action, Reason }) => printable(`  ${Action}: ${Reason}`)),
  )
  return found.size === 0 ? '' : ['Why:', ...found].join('\n')
}
