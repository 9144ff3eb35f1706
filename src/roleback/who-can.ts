import { parseRoleArn, roleArn } from '../access/identity-arns.ts'
import type { Asked } from '../access/authorize.ts'
import type { Somebody } from '../access/everybody.ts'
import { resourceTagKeys } from '../access/request-context.ts'
import { outsidersToldOf, pathsTo } from '../access/who-can-paths.ts'
import type { Path, Paths } from '../access/who-can-paths.ts'
import { claimTo, claimToAssume, claimToRestore, deletionOf, passingOf } from '../access/who-can-rights.ts'
import type { Claim, ClaimOf } from '../access/who-can-rights.ts'
import { Inquiry } from '../access/who-can.ts'
import type { DecidedRight, DecidingStatement } from '../access/who-can.ts'
import { InvalidParameterValueException, ResourceNotFoundException } from '../aws/generated/roleback.ts'
import type * as wire from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { parseArn } from '../lib/arn.ts'
import { findRoleByName } from '../store/identity/identities.ts'
import type { Cursor } from '../store/page.ts'
import { findRecoveryPoint } from '../store/points/recovery-points.ts'
import { tagsOf } from '../store/identity/tags.ts'
import { findVault, findVaultByArn } from '../store/vaults/vaults.ts'
import { nextToken, pageOf } from './paging.ts'
import { isOfRequest, namedAction, requireFit } from './who-can-action.ts'
import { barredBy, notesOn } from './who-can-notes.ts'
import type { Subject } from './who-can-notes.ts'

type Input = wire.ListPrincipalsWhoCanInput
type Output = wire.ListPrincipalsWhoCanOutput

/** Decisions made for one page, which ends early then, and of them for the paths to one role: some three seconds. */
const MAX_DECISIONS = 100_000
const MAX_PATH_DECISIONS = 20_000
/** Paths to one role, and roles that one principal may pass, that are listed. */
const MAX_LISTED = 100
const PATHS = { limit: MAX_LISTED, maxDecisions: MAX_PATH_DECISIONS }
const NO_PATHS: Paths = { paths: [], isWhole: true }

/**
 * Everybody of the account who may delete, restore, pass, take on or unlock something, outright or under conditions, with the
 * statements that let him, and for roles who can get at them. Each is asked about by the gate's own questions, as if he called.
 *
 * What policies say of everybody is for those who may simulate everybody; what a vault's says for those who may read it (R15).
 *
 * @throws {ResourceNotFoundException} 400, also for what another account has.
 */
export async function listPrincipalsWhoCan(ctx: Context, input: Input): Promise<Output> {
  await authorizeKnowing(ctx)
  const named = namedAction(input.Action)
  const subject = await subjectOf(ctx, input.ResourceArn, named !== undefined)
  if (named !== undefined) requireFit(named, input.ResourceArn, subject.kind === 'vault')
  const vaultArn = vaultArnOf(subject)
  if (vaultArn !== undefined) {
    const tags = resourceTagKeys(await tagsOf(ctx.store.db, ctx.accountId, vaultArn))
    await ctx.authorize('backup:GetBackupVaultAccessPolicy', vaultArn, tags)
  }
  const { accountId, region, now } = ctx
  const inquiry = new Inquiry(ctx.store.db, { accountId, region, now })
  const claimOf =
    named === undefined
      ? await claimFor(ctx, inquiry, subject, input)
      : await claimToAction(ctx, inquiry, named.name, input.ResourceArn)
  const list = `ListPrincipalsWhoCan ${input.Action} ${input.ResourceArn}`
  const { limit, after } = pageOf(ctx, list, input)
  const everybody = (await inquiry.everybody()).filter(({ place }) => isBehind(place, after))
  const Principals: wire.PrincipalWhoCan[] = []
  let last: Somebody | undefined
  for (const somebody of everybody) {
    if (Principals.length === limit || inquiry.decisions >= MAX_DECISIONS) break
    last = somebody
    const claim = await claimOf(somebody)
    if (claim === undefined) continue
    const paths = somebody.kind === 'role' ? await pathsTo(inquiry, somebody, PATHS) : NO_PATHS
    Principals.push(toPrincipal(somebody, claim, paths))
  }
  const isMore = last !== undefined && last !== everybody.at(-1)
  return {
    ResourceArn: input.ResourceArn,
    Action: input.Action,
    Principals,
    Barred: await barredBy(ctx, subject, input.Action),
    Notes: [...(await notesOn(ctx, subject, input.Action)), ...(await outsiders(inquiry, input))],
    NextToken: nextToken(ctx, list, isMore ? last?.place.map(String) : undefined),
  }
}

/** The right to simulate every user and every role of the account: an answer that left some out would be a wrong one. */
async function authorizeKnowing(ctx: Context): Promise<void> {
  const ownKeys = ['aws:ResourceTag/', 'iam:ResourceTag/']
  for (const type of ['user', 'role']) {
    const access = await ctx.ask({
      action: 'iam:SimulatePrincipalPolicy',
      resource: `arn:aws:iam::${ctx.accountId}:${type}/`,
      below: { ownKeys },
      remark: `It is asked on every ${type}, since everybody's policies are told of`,
    })
    if (!access.allowed) throw access.refusal
  }
}

/** @param isAnything True where the answer is of rights on an ARN, whatever it stands for: those of others' accounts are theirs to tell. */
async function subjectOf(ctx: Context, arn: string, isAnything: boolean): Promise<Subject> {
  const found = await foundSubject(ctx, arn)
  if (found !== undefined) return found
  const owner = parseArn(arn)?.accountId
  const isOurs = arn === '*' || owner === '' || owner === ctx.accountId
  if (isAnything && isOurs && !(await isElsewhere(ctx, arn))) return { kind: 'other' }
  throw new ResourceNotFoundException(
    `Cannot find ${arn} in this account and region: expected the ARN of a backup vault, a recovery point or a role` +
      (isAnything ? ', or of something else that this account’s policies can name' : ''),
    { Context: 'ResourceArn' },
  )
}

/** A vault or recovery point of another region has an access policy, which is asked about there. */
async function isElsewhere({ store: { db }, accountId }: Context, arn: string): Promise<boolean> {
  if (arn.includes(':backup-vault:')) return true
  return (await findRecoveryPoint(db, accountId, arn)) !== undefined
}

async function foundSubject(ctx: Context, arn: string): Promise<Subject | undefined> {
  const { accountId } = ctx
  const { db } = ctx.store
  const name = parseRoleArn(arn)?.name
  if (name !== undefined) {
    const role = await findRoleByName(db, accountId, name)
    if (role !== undefined && roleArn(role) === arn) return { kind: 'role', role }
  } else if (arn.includes(':backup-vault:')) {
    const vault = await findVaultByArn(db, arn)
    if (vault !== undefined && vault.account_id === accountId && vault.region === ctx.region)
      return { kind: 'vault', vault }
  } else {
    const point = await findRecoveryPoint(db, accountId, arn)
    if (point !== undefined && point.region === ctx.region)
      return { kind: 'point', point, vault: await findVault(db, accountId, point.region, point.vault_name) }
  }
  return undefined
}

function vaultArnOf(subject: Subject): string | undefined {
  return subject.kind === 'vault' || subject.kind === 'point' ? subject.vault?.arn : undefined
}

/** One action as policies name it, on one resource as it is tagged. */
async function claimToAction(
  ctx: Context,
  inquiry: Inquiry,
  action: string,
  resource: string,
): Promise<ClaimOf> {
  const context = resourceTagKeys(await tagsOf(ctx.store.db, ctx.accountId, resource))
  return claimTo(inquiry, [{ action, resource, context }], isOfRequest)
}

/** What the act takes, in the words of the operations that do it. */
async function claimFor(ctx: Context, inquiry: Inquiry, subject: Subject, input: Input): Promise<ClaimOf> {
  const { Action, ResourceArn } = input
  const { preview } = ctx
  if (subject.kind === 'vault') {
    const named = { BackupVaultName: subject.vault.name }
    if (Action === 'delete')
      return claimTo(inquiry, await preview.asked('backup', 'DeleteBackupVault', named))
    if (Action === 'unlock')
      return claimTo(inquiry, await preview.asked('backup', 'DeleteBackupVaultLockConfiguration', named))
  }
  if (subject.kind === 'point') {
    const { point } = subject
    const asked = (operation: string): Promise<readonly Asked[]> =>
      preview.asked('backup', operation, { RecoveryPointArn: ResourceArn })
    if (Action === 'delete')
      return claimTo(inquiry, await deletionOf(ctx, point, await asked('DeleteRecoveryPoint')))
    if (Action === 'restore') return await claimToRestore(inquiry, ctx, point, await asked('StartRestoreJob'))
  }
  if (subject.kind === 'role') {
    const { name } = subject.role
    if (Action === 'delete')
      return claimTo(inquiry, await preview.asked('iam', 'DeleteRole', { RoleName: name }))
    if (Action === 'pass') return claimTo(inquiry, [passingOf(ResourceArn)])
    if (Action === 'assume') {
      const role = await roleOf(inquiry, ResourceArn)
      if (role !== undefined) return claimToAssume(inquiry, role)
    }
  }
  throw new InvalidParameterValueException(
    `Action "${Action}" does not fit ${ResourceArn}: ask who can ${FITTING[subject.kind]}`,
    { Context: 'Action' },
  )
}

/** They are nobody of this account, so none of its principals; their policies are not known here. */
async function outsiders(inquiry: Inquiry, { Action, ResourceArn }: Input): Promise<string[]> {
  const role = Action === 'assume' ? await roleOf(inquiry, ResourceArn) : undefined
  const told = role === undefined ? [] : await outsidersToldOf(inquiry, role)
  return told.map(
    (who) => `From outside the account the role's trust policy admits ${who}, if its own side lets it`,
  )
}

async function roleOf(inquiry: Inquiry, roleArn: string): Promise<Somebody | undefined> {
  return (await inquiry.everybody()).find(({ arn }) => arn === roleArn)
}

const FITTING = {
  vault: 'delete or unlock a backup vault',
  point: 'delete or restore a recovery point',
  role: 'pass, assume or delete a role',
  other: 'do a named action',
} as const

function isBehind(place: Somebody['place'], after: Cursor | undefined): boolean {
  if (after === undefined) return true
  const kind = Number(after[0])
  return place[0] > kind || (place[0] === kind && place[1] > (after[1] ?? ''))
}

function toPrincipal(somebody: Somebody, claim: Claim, { paths, isWhole }: Paths): wire.PrincipalWhoCan {
  return {
    PrincipalArn: somebody.arn,
    PrincipalType: somebody.kind,
    Verdict: claim.verdict,
    Rights: claim.rights.map(toRight),
    Passing: claim.passing.slice(0, MAX_LISTED).map(toRight),
    PassingCount: claim.passing.length,
    Paths: paths.map(toPath),
    MorePaths: !isWhole,
  }
}

function toRight(right: DecidedRight): wire.DecidedRight {
  return {
    Action: right.action,
    ResourceArn: right.resource,
    Verdict: right.verdict,
    Optional: right.isOptional,
    Reason: right.reason,
    SessionName: right.sessionName,
    Statements: right.statements.map(toStatement),
  }
}

function toPath({ start, verdict, steps }: Path): wire.AssumptionPath {
  return {
    From: start.name,
    FromType: start.kind,
    Verdict: verdict,
    Steps: steps.map((step) => ({
      RoleArn: step.roleArn,
      Verdict: step.verdict,
      SessionName: step.sessionName,
      Statements: step.statements.map(toStatement),
    })),
  }
}

export function toStatement({ ref, conditions }: DecidingStatement): wire.DecidingStatement {
  const { policy, sid, index, effect } = ref
  return {
    Policy: policy.arn ?? policy.name,
    PolicyType: policy.type,
    AttachedTo: policy.attachedTo,
    StatementId: sid ?? `#${index}`,
    Effect: effect,
    Conditions: [...conditions],
  }
}
