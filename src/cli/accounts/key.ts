import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { Call } from '../../aws/client.ts'
import type { CreateLimitedAccessKeyOutput, LimitedAccessKey } from '../../aws/generated/roleback.ts'
import { profileText } from '../aws-profile.ts'
import { clientFrom } from '../connect.ts'
import { note, say, sayJson, tableOf } from '../output.ts'
import { CommandUsageError } from '../report.ts'

interface CreateOptions {
  readonly user: string
  readonly expires?: string
  readonly policyFile?: string
  readonly out?: string
  readonly json?: boolean
}

export function addKey(program: Command): void {
  const key = program.command('key').description('access keys with an end and a policy of their own')
  key
    .command('create')
    .description('make a limited access key for a machine that must do one thing')
    .requiredOption('--user <name>', 'user whose key it is: it can do no more than the user')
    .option('--expires <when>', 'how long it lasts (90d, 12h, 30m), or a time such as 2027-01-31T00:00:00Z')
    .option('--policy-file <file>', 'policy that takes away from what the user may, like a session policy')
    .option(
      '--out <file>',
      'new file of mode 0600 for the key, as AWS clients read it, instead of printing it',
    )
    .option('--json', 'print the result as JSON')
    .action(createKey)
  key
    .command('list')
    .description('keys with limits: when they end and what they are held to')
    .option('--user <name>', 'of this user only')
    .option('--json', 'print the result as JSON')
    .action(listKeys)
}

async function createKey(options: CreateOptions): Promise<void> {
  const { call, region } = clientFrom(process.env)
  // Made before the key is: one whose secret could not be written down is of no use to anybody.
  if (options.out !== undefined) writeFileSync(options.out, '', { flag: 'wx', mode: 0o600 })
  const { AccessKey, SecretAccessKey } = await madeKey(call, options).catch((error: unknown) => {
    if (options.out !== undefined) rmSync(options.out)
    throw error
  })
  const made = { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: SecretAccessKey }
  const profile = profileText('default', made, region)
  if (options.out !== undefined) writeFileSync(options.out, profile, { flush: true })
  if (options.json === true) {
    sayJson(options.out === undefined ? { ...AccessKey, SecretAccessKey } : AccessKey)
  } else if (options.out === undefined) say(profile.trimEnd())
  note(
    `key ${AccessKey.AccessKeyId} of ${AccessKey.UserName}${endText(AccessKey)}; ` +
      (options.out === undefined ? 'its secret is shown this once' : `written to ${options.out}`),
  )
}

async function madeKey(
  call: Call,
  { user, expires, policyFile }: CreateOptions,
): Promise<CreateLimitedAccessKeyOutput> {
  return await call('roleback', 'CreateLimitedAccessKey', {
    UserName: user,
    ExpirationDate: expires === undefined ? undefined : endOf(expires, Date.now()),
    PolicyDocument: policyFile === undefined ? undefined : readFileSync(policyFile, 'utf8'),
  })
}

const endText = ({ ExpirationDate }: LimitedAccessKey): string =>
  ExpirationDate === undefined ? '' : `, ends ${ExpirationDate.toISOString()}`

const UNIT_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** `90d`, `12h` or `30m` from now on, else a time in ISO 8601. @throws {CommandUsageError} */
export function endOf(text: string, now: number): Date {
  const [, count, unit] = /^([1-9]\d{0,5})([mhd])$/.exec(text) ?? []
  if (count !== undefined) return new Date(now + Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS])
  const at = /^\d{4}-\d{2}-\d{2}(T|$)/.test(text) ? Date.parse(text) : NaN
  if (Number.isNaN(at)) {
    throw new CommandUsageError(
      `--expires "${text}" is neither 90d, 12h or 30m nor a time such as 2027-01-31T00:00:00Z`,
    )
  }
  return new Date(at)
}

async function listKeys(options: { readonly user?: string; readonly json?: boolean }): Promise<void> {
  const { call } = clientFrom(process.env)
  const keys: LimitedAccessKey[] = []
  let NextToken: string | undefined
  do {
    const page = await call('roleback', 'ListLimitedAccessKeys', { UserName: options.user, NextToken })
    keys.push(...page.AccessKeys)
    NextToken = page.NextToken
  } while (NextToken !== undefined)
  if (options.json === true) sayJson(keys)
  else if (keys.length === 0) say('No access key has limits.')
  else say(keyTable(keys))
}

function keyTable(keys: readonly LimitedAccessKey[]): string {
  return tableOf(
    ['KEY', 'USER', 'STATUS', 'ENDS', 'POLICY', 'LAST USED'],
    keys.map((key) => [
      key.AccessKeyId,
      key.UserName,
      key.Status,
      key.ExpirationDate?.toISOString() ?? 'never',
      key.PolicyDocument === undefined ? '-' : 'of its own',
      key.LastUsedDate?.toISOString() ?? 'never',
    ]),
  )
}
