import { resourceTagKeys } from './request-context.ts'
import type { Kind, Source } from '../kinds/kind.ts'
import { kindOfType } from '../kinds/kinds.ts'
import { RestoreTargetError, restoreTargetOf } from '../kinds/restore-target.ts'
import { restoreGuardOf } from '../store/identity/accounts.ts'
import { findResource, findResourceById } from '../store/resources/resources.ts'
import type { RecoveryPointTable, ResourceTable } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { tagsOf } from '../store/identity/tags.ts'
import type { Access, AccessQuestion } from './authorize.ts'

/** The right to be handed what one could not read at the source. Of the built-in policies only AdministratorAccess has it. */
export const RESTORE_UNREADABLE = 'roleback:RestoreUnreadable'

/** What the guard needs of a request; an operation's context is one. */
export interface GuardedCaller {
  readonly accountId: string
  readonly region: string
  readonly store: Pick<Store, 'db'>
  ask(question: AccessQuestion): Promise<Access>
}

/** Content of a recovery point that its caller is about to be handed. */
export interface HandOut {
  readonly point: RecoveryPointTable
  /** Of a restore; absent where all of the point goes somewhere else. */
  readonly metadata?: Readonly<Record<string, string>> | undefined
}

/**
 * The restore guard: nobody is handed content that he could not read at the source, unless he may RESTORE_UNREADABLE on the recovery
 * point. To be asked by every operation that hands out content, once its other rights are decided (docs/restore-guard.md).
 *
 * @returns What it would have refused, where the account has it warn only; empty where all is well or it is off.
 * @throws {AwsError} AccessDenied (403) with the right to read that is missing, where the account has it enforce.
 */
export async function guardHandOuts(
  caller: GuardedCaller,
  handOuts: readonly HandOut[],
): Promise<readonly string[]> {
  const mode = await restoreGuardOf(caller.store.db, caller.accountId)
  if (mode === 'off') return []
  const asked = new Map<string, Access>()
  const warnings: string[] = []
  for (const handOut of handOuts) {
    const access = await accessTo(caller, handOut, asked)
    if (access.allowed) continue
    if (mode === 'enforce') throw access.refusal
    warnings.push(`The restore guard only warns here: ${access.refusal.message}`)
  }
  return warnings
}

/**
 * The same for what gives away whatever there will be: a plan that copies to another account, a recovery kit. It takes RESTORE_UNREADABLE on
 * everything.
 */
export async function guardAll(caller: GuardedCaller, what: string): Promise<readonly string[]> {
  const mode = await restoreGuardOf(caller.store.db, caller.accountId)
  if (mode === 'off') return []
  const remark = `${GUARD}${what}, whatever it will hold`
  const access = await caller.ask({ action: RESTORE_UNREADABLE, resource: '*', remark })
  if (access.allowed) return []
  if (mode === 'enforce') throw access.refusal
  return [`The restore guard only warns here: ${access.refusal.message}`]
}

/**
 * The same for restore tests, which hand out whatever the tested resources will have been, and through validators tell what it
 * holds. `arns` undefined: of all resources.
 */
export async function guardTests(
  caller: GuardedCaller,
  arns: readonly string[] | undefined,
): Promise<readonly string[]> {
  if (arns === undefined) return await guardAll(caller, RESTORE_TESTS)
  if ((await restoreGuardOf(caller.store.db, caller.accountId)) === 'off') return []
  const asked = new Map<string, Access>()
  for (const arn of arns) {
    const source = await findResource(caller.store.db, caller.accountId, arn)
    const isReadable =
      source !== undefined && (await readingDenied(caller, source, undefined, asked)) === undefined
    if (!isReadable)
      return await guardAll(
        caller,
        `${arn} cannot be read at the source by this caller, and ${RESTORE_TESTS}`,
      )
  }
  return []
}

/** What `guardAll` is asked for by restore testing selections. */
const RESTORE_TESTS = 'the restore tests hand out what is backed up of the resources they name'

async function accessTo(
  caller: GuardedCaller,
  handOut: HandOut,
  asked: Map<string, Access>,
): Promise<Access> {
  const { point, metadata } = handOut
  const source = await findResourceById(caller.store.db, caller.accountId, point.resource_unique_id)
  if (source === undefined || source.removed_at !== null) {
    return await askUnreadable(caller, point, goneRemark(point.resource_arn))
  }
  if (metadata !== undefined && (await goesBack(caller, source, metadata))) return { allowed: true }
  const denied = await readingDenied(caller, source, metadata, asked)
  if (denied === undefined) return { allowed: true }
  const unreadable = await askUnreadable(caller, point, READ_REMARK)
  return unreadable.allowed ? unreadable : denied
}

/** What `guardAll` is asked for by plans. */
export const PLAN_COPIES = 'the plan copies to another account what is backed up by it'

/** What a refusal is followed by, since nobody asked for this action by its name. */
const GUARD = 'The restore guard asks for it: '
const READ_REMARK = `${GUARD}nobody is handed what he could not read at the source, unless he may ${RESTORE_UNREADABLE} on the recovery point`
const goneRemark = (arn: string): string =>
  `${GUARD}${arn} is no longer registered, so nobody can read there what this hands out`

/** The first refusal among the rights that reading takes; a source that many points are of is asked about once. */
async function readingDenied(
  caller: GuardedCaller,
  source: ResourceTable,
  metadata: HandOut['metadata'],
  asked: Map<string, Access>,
): Promise<Access | undefined> {
  const { action, resources, below } = kindOf(source).read(sourceOf(source), metadata)
  for (const resource of resources) {
    let access = asked.get(resource)
    if (access === undefined) {
      const context = below === undefined ? await tagContext(caller, source.arn) : {}
      access = await caller.ask({
        action,
        resource,
        below,
        context,
        remark: READ_REMARK,
      })
      asked.set(resource, access)
    }
    if (!access.allowed) return access
  }
  return undefined
}

async function askUnreadable(
  caller: GuardedCaller,
  point: RecoveryPointTable,
  remark: string,
): Promise<Access> {
  const context = await tagContext(caller, point.arn)
  return await caller.ask({ action: RESTORE_UNREADABLE, resource: point.arn, context, remark })
}

/** Whether a restore writes into the source itself: who could not read that before still cannot. */
async function goesBack(
  caller: GuardedCaller,
  source: ResourceTable,
  metadata: Readonly<Record<string, string>>,
): Promise<boolean> {
  const { db } = caller.store
  try {
    const target = await restoreTargetOf({
      type: source.type,
      place: { region: caller.region, accountId: caller.accountId },
      metadata,
      isRegistered: async (arn) => (await findResource(db, caller.accountId, arn)) !== undefined,
    })
    return !target.isNew && target.arn === source.arn
  } catch (error) {
    // The restore will fail for it; until then it goes anywhere.
    if (error instanceof RestoreTargetError) return false
    throw error
  }
}

async function tagContext(caller: GuardedCaller, arn: string): Promise<Record<string, string>> {
  const tags = await tagsOf(caller.store.db, caller.accountId, arn)
  return resourceTagKeys(tags)
}

function kindOf({ type }: ResourceTable): Kind {
  const kind = kindOfType(type)
  if (kind === undefined)
    throw new Error(`resource type "${type}" in the store is not a kind of this version`)
  return kind
}

function sourceOf(row: ResourceTable): Source {
  return {
    arn: row.arn,
    uniqueId: row.unique_id,
    name: row.name,
    // Written by registration, which knows their names.
    settings: JSON.parse(row.settings) as Source['settings'],
  }
}
