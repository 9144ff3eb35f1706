import { statusOf } from '../access/access-keys.ts'
import { rootArn, userArn } from '../access/identity-arns.ts'
import { passwordExpiry, passwordPolicyOf } from '../access/password-policy.ts'
import type { PasswordPolicy } from '../access/password-policy.ts'
import {
  CredentialReportExpiredException,
  CredentialReportNotPresentException,
} from '../aws/generated/iam.ts'
import type {
  GenerateCredentialReportResponse,
  GetCredentialReportResponse,
  IamApi,
} from '../aws/generated/iam.ts'
import type { Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { findAccount, findCredentialReport, putCredentialReport } from '../store/identity/accounts.ts'
import { accessKeysOfAccount, listUsers } from '../store/identity/identities.ts'
import { loginProfilesOf } from '../store/identity/login-profiles.ts'
import { usersWithMfaDevice } from '../store/identity/mfa-devices.ts'
import type { LoginProfileTable } from '../store/identity/schema-credentials.ts'
import type { AccessKeyTable, UserTable } from '../store/schema.ts'
import type { Cursor } from '../store/page.ts'

type Operations = 'GenerateCredentialReport' | 'GetCredentialReport'

export const credentialReport: Pick<Service<IamApi, Context>, Operations> = {
  GenerateCredentialReport: { resource: () => '*', handler: generateReport },
  GetCredentialReport: { resource: () => '*', handler: getReport },
}

/** Columns of AWS's report, in its order (IAM User Guide, "Generate credential reports"). */
const COLUMNS = [
  'user',
  'arn',
  'user_creation_time',
  'password_enabled',
  'password_last_used',
  'password_last_changed',
  'password_next_rotation',
  'mfa_active',
  'access_key_1_active',
  'access_key_1_last_rotated',
  'access_key_1_last_used_date',
  'access_key_1_last_used_region',
  'access_key_1_last_used_service',
  'access_key_2_active',
  'access_key_2_last_rotated',
  'access_key_2_last_used_date',
  'access_key_2_last_used_region',
  'access_key_2_last_used_service',
  'cert_1_active',
  'cert_1_last_rotated',
  'cert_2_active',
  'cert_2_last_rotated',
] as const

/** A report older than this is not given out any more. */
const KEPT_MS = 4 * 3_600_000
const USERS_PER_PAGE = 1_000

/** AWS writes a report at most every four hours; here each call writes one, and it is there at once. */
async function generateReport(ctx: Context): Promise<GenerateCredentialReportResponse> {
  const content = await writeReport(ctx)
  await putCredentialReport(ctx.store.db, { account_id: ctx.accountId, generated_at: ctx.now, content })
  return { State: 'COMPLETE' }
}

async function getReport(ctx: Context): Promise<GetCredentialReportResponse> {
  const report = await findCredentialReport(ctx.store.db, ctx.accountId)
  if (report === undefined) {
    throw new CredentialReportNotPresentException('No report exists. Call GenerateCredentialReport first.')
  }
  if (ctx.now - report.generated_at > KEPT_MS) {
    throw new CredentialReportExpiredException(
      'The report is older than four hours. Call GenerateCredentialReport for a new one.',
    )
  }
  return {
    Content: Buffer.from(report.content),
    ReportFormat: 'text/csv',
    GeneratedTime: new Date(report.generated_at),
  }
}

interface Facts {
  readonly now: number
  readonly policy: PasswordPolicy | undefined
  readonly profiles: ReadonlyMap<string, LoginProfileTable>
  readonly withDevice: ReadonlySet<string>
  /** By user id; null is the root user. */
  readonly keys: ReadonlyMap<string | null, readonly AccessKeyTable[]>
}

async function writeReport(ctx: Context): Promise<string> {
  const { db } = ctx.store
  const { accountId } = ctx
  const account = await findAccount(db, accountId)
  const facts: Facts = {
    now: ctx.now,
    policy: passwordPolicyOf(account),
    profiles: await loginProfilesOf(db, accountId),
    withDevice: await usersWithMfaDevice(db, accountId),
    keys: Map.groupBy(await accessKeysOfAccount(db, accountId), (key) => key.user_id),
  }
  const rows: (readonly string[])[] = [COLUMNS, rootRow(accountId, account?.created_at ?? 0, facts)]
  let after: Cursor | undefined
  do {
    const page = await listUsers(db, { accountId }, { limit: USERS_PER_PAGE, after })
    rows.push(...page.rows.map((user) => userRow(user, facts)))
    after = page.next
  } while (after !== undefined)
  return rows.map((row) => row.map(field).join(',')).join('\n')
}

function rootRow(accountId: string, createdAt: number, { now, keys }: Facts): string[] {
  return [
    '<root_account>',
    rootArn(accountId),
    time(createdAt),
    'not_supported',
    'no_information',
    'not_supported',
    'not_supported',
    'false',
    ...keyFields(now, keys.get(null)),
    ...NO_CERTIFICATES,
  ]
}

function userRow(user: UserTable, { now, policy, profiles, withDevice, keys }: Facts): string[] {
  const profile = profiles.get(user.user_id)
  const lastUsed = user.password_last_used_at
  return [
    user.name,
    userArn(user),
    time(user.created_at),
    String(profile !== undefined),
    lastUsed === null ? (profile === undefined ? 'N/A' : 'no_information') : time(lastUsed),
    time(profile?.changed_at),
    time(profile && passwordExpiry(policy, profile)),
    String(withDevice.has(user.user_id)),
    ...keyFields(now, keys.get(user.user_id)),
    ...NO_CERTIFICATES,
  ]
}

const NO_CERTIFICATES = ['false', 'N/A', 'false', 'N/A']

function keyFields(now: number, keys: readonly AccessKeyTable[] = []): string[] {
  return [keys[0], keys[1]].flatMap((key) => [
    String(key !== undefined && statusOf(key, now) === 'Active'),
    time(key?.created_at),
    time(key?.last_used_at),
    key?.last_used_region ?? 'N/A',
    key?.last_used_service ?? 'N/A',
  ])
}

/** As AWS writes it: whole seconds, and the offset instead of a Z. */
function time(at: number | null | undefined): string {
  return at == null ? 'N/A' : new Date(at).toISOString().replace(/\.\d{3}Z$/, '+00:00')
}

/** Names may have commas (RFC 4180). */
function field(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
