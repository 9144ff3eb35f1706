import type { Kysely, Transaction } from 'kysely'
import type { Decision } from '../policy/evaluate.ts'
import { contextOf, evaluate } from '../policy/evaluate.ts'
import { findRoleById } from '../store/identity/identities.ts'
import type { Database } from '../store/database.ts'
import type { RoleTable } from '../store/schema.ts'
import { compiledTrustPolicy } from './compiled.ts'
import { roleArn } from './identity-arns.ts'
import type { Principal } from './principal.ts'
import type { Question } from './proposal.ts'
import { tagsOf } from '../store/identity/tags.ts'

/** A service that wants to work under a role, and for whom. */
export interface ServiceAssumption {
  /** E.g. `backup.amazonaws.com`. */
  readonly service: string
  /** `aws:SourceAccount`: the account whose job it is. */
  readonly sourceAccount: string
  /** `aws:SourceArn`: the plan of a scheduled job, else the vault or recovery point. */
  readonly sourceArn: string
  readonly now: number
}

export type AssumedRole =
  | { readonly ok: true; readonly session: Principal; readonly role: RoleTable }
  /** `reason` completes "IAM Role ARN cannot be assumed by AWS Backup: …". */
  | {
      readonly ok: false
      readonly reason: string
      /** The role no longer exists. */ readonly isGone?: boolean
    }

/** AWS Backup's name for the sessions of its jobs; people's resource policies match it. */
export function backupSessionName(roleName: string): string {
  return `AWSBackup-${roleName}`
}

/** How long a job's session lasts before it is asked for again, in milliseconds. */
const SESSION_MS = 3_600_000

/**
 * Decides by the role's trust policy whether `service` may assume it now. The role is named by its unique id, so that one made
 * again under the same name is not it.
 */
export async function assumeForService(
  db: Kysely<Database> | Transaction<Database>,
  role: { readonly roleId: string; readonly roleArn: string },
  assumption: ServiceAssumption,
): Promise<AssumedRole> {
  const row = await findRoleById(db, role.roleId)
  if (row === undefined) {
    return {
      ok: false,
      isGone: true,
      reason: `the role with id ${role.roleId} no longer exists (a role made again under its name is another role)`,
    }
  }
  const { refusal } = askTrust(row, assumption)
  if (refusal !== undefined) return { ok: false, reason: refusal }
  return { ok: true, role: row, session: await serviceSession(db, row, assumption.now) }
}

/** The question of a role's trust policy, and its answer. */
export interface TrustAnswer {
  readonly question: Question
  readonly decision: Decision
  /** Why not; undefined where the service may assume the role. */
  readonly refusal: string | undefined
}

export function askTrust(row: RoleTable, assumption: ServiceAssumption): TrustAnswer {
  const question: Question = {
    request: {
      principal: {
        kind: 'service',
        arn: assumption.service,
        accountId: row.account_id,
        uniqueId: assumption.service,
        service: assumption.service,
      },
      action: 'sts:AssumeRole',
      resource: roleArn(row),
      resourceAccountId: row.account_id,
      context: contextOf({
        'aws:SourceAccount': assumption.sourceAccount,
        'aws:SourceArn': assumption.sourceArn,
        'aws:PrincipalIsAWSService': 'true',
        'aws:PrincipalServiceName': assumption.service,
        'aws:CurrentTime': new Date(assumption.now).toISOString(),
        'aws:EpochTime': String(Math.floor(assumption.now / 1000)),
        'sts:RoleSessionName': backupSessionName(row.name),
      }),
    },
    layers: { identity: [], trust: compiledTrustPolicy(row) },
  }
  const decision = evaluate(question.request, question.layers)
  const isLinked = row.path.startsWith('/aws-service-role/')
  if (isLinked) return { question, decision, refusal: 'a service-linked role cannot be passed' }
  return {
    question,
    decision,
    refusal: decision.allowed ? undefined : trustReason(row, decision, assumption),
  }
}

function trustReason(row: RoleTable, decision: Decision, assumption: ServiceAssumption): string {
  if (decision.effect === 'ExplicitDeny') {
    return `its trust policy explicitly denies sts:AssumeRole to ${assumption.service}`
  }
  if (!row.trust_policy.includes(assumption.service)) {
    return `its trust policy does not name the service principal ${assumption.service}; add a statement that allows it sts:AssumeRole`
  }
  return (
    `its trust policy names ${assumption.service}, but no statement allows sts:AssumeRole with ` +
    `aws:SourceAccount=${assumption.sourceAccount} and aws:SourceArn=${assumption.sourceArn}; check its conditions`
  )
}

/** The session that a service has under a role once the trust policy let it in. */
export async function serviceSession(
  db: Kysely<Database> | Transaction<Database>,
  row: RoleTable,
  now: number,
): Promise<Principal> {
  const name = backupSessionName(row.name)
  const arn = roleArn(row)
  return {
    kind: 'assumed-role',
    accountId: row.account_id,
    arn: `arn:aws:sts::${row.account_id}:assumed-role/${row.name}/${name}`,
    uniqueId: `${row.role_id}:${name}`,
    identityId: row.role_id,
    roleArn: arn,
    tags: await tagsOf(db, row.account_id, arn),
    session: {
      name,
      issuedAt: now,
      expiresAt: now + SESSION_MS,
      mfaAuthenticated: false,
    },
  }
}
