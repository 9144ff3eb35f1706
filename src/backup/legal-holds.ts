import {
  InvalidParameterValueException,
  InvalidResourceStateException,
  LimitExceededException,
  ResourceNotFoundException,
} from '../aws/generated/backup.ts'
import type {
  CancelLegalHoldInput,
  CreateLegalHoldInput,
  CreateLegalHoldOutput,
  GetLegalHoldInput,
  GetLegalHoldOutput,
  ListLegalHoldsInput,
  ListLegalHoldsOutput,
  ListRecoveryPointsByLegalHoldInput,
  ListRecoveryPointsByLegalHoldOutput,
  RecoveryPointSelection,
} from '../aws/generated/backup.ts'
import type { Context } from '../context.ts'
import { uuid } from '../lib/ids.ts'
import { queueHoldAmendments } from '../store/points/amendments.ts'
import {
  cancelLegalHold as endHold,
  countLegalHolds,
  findLegalHold,
  insertLegalHold,
  listHeldPoints,
  listLegalHolds as pageOfHolds,
  targetsOfHold,
} from '../store/points/legal-holds.ts'
import type { HoldTargets } from '../store/points/legal-holds.ts'
import { arnsWithPoints } from '../store/points/protected-resources.ts'
import type { LegalHoldTable } from '../store/points/schema-holds.ts'
import type { Queryable } from '../store/store.ts'
import { putTags } from '../store/identity/tags.ts'
import { findResources } from '../store/resources/resources.ts'
import { vaultsOfArns } from '../store/vaults/vaults.ts'
import { legalHoldArn, vaultArn } from './arns.ts'
import { nextToken, pageOf } from './paging.ts'
import { checkTags } from './tags.ts'

/** AWS Backup quota. */
const MAX_HOLDS = 50
const DAY = 86_400_000

/**
 * Keeps recovery points from being deleted, by hand or by their lifecycle, until it is cancelled: those of the named vaults and
 * resources that were made between two times, also the ones that are made later.
 */
export async function createLegalHold(
  ctx: Context,
  input: CreateLegalHoldInput,
): Promise<CreateLegalHoldOutput> {
  const tags = checkTags(input.Tags ?? {})
  const { row, targets } = newHold(ctx, input)
  const hold = await ctx.store.transaction(async (tx) => {
    if (row.idempotency_token !== null) {
      const earlier = await findLegalHold(tx, ctx, { idempotencyToken: row.idempotency_token })
      if (earlier !== undefined) return await sameRequest(tx, earlier, { row, targets })
    }
    if ((await countLegalHolds(tx, ctx)) >= MAX_HOLDS)
      throw new LimitExceededException(`Cannot create a legal hold: ${MAX_HOLDS} are active, the limit`)
    await refuseMissingVaults(ctx, tx, targets.vaultNames)
    await refuseUnknownResources(ctx, tx, targets.resourceArns)
    await insertLegalHold(tx, row, targets)
    await putTags(tx, ctx.accountId, legalHoldArn(ctx, row.hold_id), tags)
    await queueHoldAmendments(tx, ctx, row, false)
    return row
  })
  ctx.store.wake()
  return {
    ...toHold(ctx, hold),
    RecoveryPointSelection: input.RecoveryPointSelection,
  }
}

function newHold(
  ctx: Context,
  input: CreateLegalHoldInput,
): { readonly row: LegalHoldTable; readonly targets: HoldTargets } {
  const { VaultNames = [], ResourceIdentifiers = [], DateRange } = input.RecoveryPointSelection ?? {}
  if (VaultNames.length + ResourceIdentifiers.length === 0) {
    throw new InvalidParameterValueException(
      'RecoveryPointSelection must name at least one vault or one resource',
      { Context: 'RecoveryPointSelection' },
    )
  }
  if (DateRange !== undefined && DateRange.FromDate > DateRange.ToDate) {
    throw new InvalidParameterValueException('DateRange ends before it begins', { Context: 'DateRange' })
  }
  const row: LegalHoldTable = {
    account_id: ctx.accountId,
    region: ctx.region,
    hold_id: uuid(),
    title: input.Title,
    description: input.Description,
    status: 'ACTIVE',
    idempotency_token: input.IdempotencyToken ?? null,
    created_at: ctx.now,
    from_at: DateRange?.FromDate.getTime() ?? null,
    to_at: DateRange?.ToDate.getTime() ?? null,
    names_vaults: VaultNames.length > 0 ? 1 : 0,
    names_resources: ResourceIdentifiers.length > 0 ? 1 : 0,
    cancelled_at: null,
    cancel_description: null,
    retain_until: null,
  }
  return { row, targets: { vaultNames: VaultNames, resourceArns: ResourceIdentifiers } }
}

/**
 * What is made later in a vault is held, too, but not in one that is made later: a name that no vault has is a slip, and the hold would keep
 * nothing. AWS documents no error for it.
 * @throws {InvalidParameterValueException}
 */
async function refuseMissingVaults(ctx: Context, tx: Queryable, names: readonly string[]): Promise<void> {
  const vaults = await vaultsOfArns(
    tx,
    ctx.accountId,
    names.map((name) => vaultArn(ctx, name)),
  )
  const missing = names.find((name) => !vaults.has(vaultArn(ctx, name)))
  if (missing === undefined) return
  throw new InvalidParameterValueException(
    `Cannot create a legal hold on backup vault "${missing}": it does not exist in this account and region, and nothing would be held`,
    { Context: 'RecoveryPointSelection' },
  )
}

/**
 * For the same reason. A resource that was removed is held by the recovery points it left, and so is one of another account by copies.
 * @throws {InvalidParameterValueException}
 */
async function refuseUnknownResources(ctx: Context, tx: Queryable, arns: readonly string[]): Promise<void> {
  const registered = await findResources(tx, ctx.accountId, arns)
  const others = arns.filter((arn) => !registered.has(arn))
  const left = await arnsWithPoints(tx, ctx.accountId, others)
  const unknown = others.find((arn) => !left.has(arn))
  if (unknown === undefined) return
  throw new InvalidParameterValueException(
    `Cannot create a legal hold on resource "${unknown}": it is not registered in this account and has no recovery point, and nothing would be held. Name it as ListProtectedResources does`,
    { Context: 'RecoveryPointSelection' },
  )
}

/** A repeated token is the same request; with another title or selection it is a mistake that must not pass for success. */
async function sameRequest(
  db: Queryable,
  earlier: LegalHoldTable,
  { row, targets }: ReturnType<typeof newHold>,
): Promise<LegalHoldTable> {
  const said = (hold: LegalHoldTable, { vaultNames, resourceArns }: HoldTargets): string =>
    JSON.stringify([
      [hold.title, hold.description, hold.from_at, hold.to_at],
      [...new Set(vaultNames)].toSorted(byText),
      [...new Set(resourceArns)].toSorted(byText),
    ])
  if (said(row, targets) === said(earlier, await targetsOfHold(db, earlier.hold_id))) return earlier
  throw new InvalidParameterValueException(
    `IdempotencyToken "${row.idempotency_token}" was used already for legal hold ${earlier.hold_id} with other values`,
    { Context: 'IdempotencyToken' },
  )
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Its record stays for ever, or as many days as asked for. */
export async function cancelLegalHold(
  ctx: Context,
  input: CancelLegalHoldInput,
): Promise<Record<string, never>> {
  const hold = await holdOf(ctx, input.LegalHoldId)
  const days = input.RetainRecordInDays
  if (days !== undefined && (days < 0 || days > 36_500)) {
    throw new InvalidParameterValueException(`RetainRecordInDays must be 0 to 36500; it is ${days}`, {
      Context: 'RetainRecordInDays',
    })
  }
  const isCancelled = await ctx.store.transaction(async (tx) => {
    await queueHoldAmendments(tx, ctx, hold, true)
    return await endHold(tx, hold.hold_id, {
      cancelled_at: ctx.now,
      cancel_description: input.CancelDescription,
      retain_until: days === undefined ? null : ctx.now + days * DAY,
    })
  })
  ctx.store.wake()
  if (!isCancelled)
    throw new InvalidResourceStateException(`Legal hold ${hold.hold_id} is cancelled already`, {
      Context: hold.hold_id,
    })
  return {}
}

export async function getLegalHold(ctx: Context, input: GetLegalHoldInput): Promise<GetLegalHoldOutput> {
  const hold = await holdOf(ctx, input.LegalHoldId)
  return { ...toHold(ctx, hold), RecoveryPointSelection: await selectionOf(ctx, hold) }
}

async function selectionOf(ctx: Context, hold: LegalHoldTable): Promise<RecoveryPointSelection> {
  const { vaultNames, resourceArns } = await targetsOfHold(ctx.store.db, hold.hold_id)
  return {
    ...(vaultNames.length > 0 && { VaultNames: vaultNames }),
    ...(resourceArns.length > 0 && { ResourceIdentifiers: resourceArns }),
    ...(hold.from_at !== null &&
      hold.to_at !== null && {
        DateRange: { FromDate: new Date(hold.from_at), ToDate: new Date(hold.to_at) },
      }),
  }
}

export async function listLegalHolds(
  ctx: Context,
  input: ListLegalHoldsInput,
): Promise<ListLegalHoldsOutput> {
  const { rows, next } = await pageOfHolds(ctx.store.db, ctx, pageOf(ctx, 'ListLegalHolds', input))
  return {
    LegalHolds: rows.map((hold) => toHold(ctx, hold)),
    NextToken: nextToken(ctx, 'ListLegalHolds', next),
  }
}

export async function listRecoveryPointsByLegalHold(
  ctx: Context,
  input: ListRecoveryPointsByLegalHoldInput,
): Promise<ListRecoveryPointsByLegalHoldOutput> {
  const hold = await holdOf(ctx, input.LegalHoldId)
  const list = `ListRecoveryPointsByLegalHold ${hold.hold_id}`
  const { rows, next } = await listHeldPoints(ctx.store.db, hold, pageOf(ctx, list, input))
  return {
    RecoveryPoints: rows.map((point) => ({
      RecoveryPointArn: point.arn,
      ResourceArn: point.resource_arn,
      ResourceType: point.resource_type,
      BackupVaultName: point.vault_name,
    })),
    NextToken: nextToken(ctx, list, next),
  }
}

async function holdOf(ctx: Context, holdId: string): Promise<LegalHoldTable> {
  const hold = await findLegalHold(ctx.store.db, ctx, { holdId })
  if (hold === undefined)
    throw new ResourceNotFoundException(`Cannot find legal hold ${holdId}`, { Context: holdId })
  return hold
}

function toHold(ctx: Context, hold: LegalHoldTable): Omit<GetLegalHoldOutput, 'RecoveryPointSelection'> {
  return {
    Title: hold.title,
    Status: hold.status,
    Description: hold.description,
    CancelDescription: hold.cancel_description ?? undefined,
    LegalHoldId: hold.hold_id,
    LegalHoldArn: legalHoldArn(ctx, hold.hold_id),
    CreationDate: new Date(hold.created_at),
    CancellationDate: hold.cancelled_at === null ? undefined : new Date(hold.cancelled_at),
    RetainRecordUntil: hold.retain_until === null ? undefined : new Date(hold.retain_until),
  }
}
