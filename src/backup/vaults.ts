import {
  AlreadyExistsException,
  InvalidRequestException,
  LimitExceededException,
  ResourceNotFoundException,
} from '../aws/generated/backup.ts'
import type {
  BackupVaultListMember,
  CreateBackupVaultInput,
  CreateBackupVaultOutput,
  CreateLogicallyAirGappedBackupVaultInput,
  CreateLogicallyAirGappedBackupVaultOutput,
  DeleteBackupVaultInput,
  DescribeBackupVaultInput,
  DescribeBackupVaultOutput,
  ListBackupVaultsInput,
  ListBackupVaultsOutput,
} from '../aws/generated/backup.ts'
import type { Context } from '../context.ts'
import { parseLockText } from '../plans/vault-lock.ts'
import type { VaultLock } from '../plans/vault-lock.ts'
import { randomHex, uuid } from '../lib/ids.ts'
import { insertJob, jobBasics, requestCancel } from '../store/jobs/jobs.ts'
import type { VaultTable } from '../store/schema.ts'
import type { Queryable } from '../store/store.ts'
import { storageOfNewVault } from '../store/vaults/storages.ts'
import { deleteAllTags, putTags } from '../store/identity/tags.ts'
import {
  countPoints,
  countVaults,
  deleteVault,
  findVault,
  insertVault,
  listVaults,
  sealingKey,
  unfinishedUpkeep,
} from '../store/vaults/vaults.ts'
import { vaultArn } from './arns.ts'
import { nextToken, pageOf } from './paging.ts'
import { checkTags } from './tags.ts'
import { checkKeyIsKnown, keyOfNewVault, keyTypeOf } from './vault-keys.ts'
import { toLockMembers } from './vault-protection.ts'
import { checkRange, sealingJob } from './vault-limits.ts'

/** AWS Backup quota. */
const MAX_VAULTS = 300
/** AWS's least retention of a logically air-gapped vault, in days. */
const MIN_AIR_GAPPED_DAYS = 7

export async function createBackupVault(
  ctx: Context,
  input: CreateBackupVaultInput,
): Promise<CreateBackupVaultOutput> {
  const vault = await createVault(ctx, input, {
    vault_type: 'BACKUP_VAULT',
    lock_configuration: null,
    encryption_key_arn: await keyOfNewVault(ctx, input.EncryptionKeyArn),
  })
  return {
    BackupVaultName: vault.name,
    BackupVaultArn: vault.arn,
    CreationDate: new Date(vault.created_at),
  }
}

/** A vault that is locked for good from its first moment, and filled by copies only. */
export async function createLogicallyAirGappedBackupVault(
  ctx: Context,
  input: CreateLogicallyAirGappedBackupVaultInput,
): Promise<CreateLogicallyAirGappedBackupVaultOutput> {
  checkRange(input, MIN_AIR_GAPPED_DAYS)
  const encryptionKeyArn = await keyOfNewVault(ctx, input.EncryptionKeyArn)
  const lock: VaultLock = {
    mode: 'compliance',
    minRetentionDays: input.MinRetentionDays,
    maxRetentionDays: input.MaxRetentionDays,
    setAt: ctx.now,
    lockDate: ctx.now,
    isFinal: true,
    encryptionKeyArn,
  }
  const vault = await createVault(ctx, input, {
    vault_type: 'LOGICALLY_AIR_GAPPED_BACKUP_VAULT',
    lock_configuration: JSON.stringify(lock),
    encryption_key_arn: encryptionKeyArn,
  })
  return {
    BackupVaultName: vault.name,
    BackupVaultArn: vault.arn,
    CreationDate: new Date(vault.created_at),
    VaultState: vault.state,
  }
}

type ChosenKind = Pick<VaultTable, 'vault_type' | 'lock_configuration' | 'encryption_key_arn'>

async function createVault(
  ctx: Context,
  input: CreateBackupVaultInput,
  kind: ChosenKind,
): Promise<VaultTable> {
  const tags = checkTags(input.BackupVaultTags ?? {})
  const vault = await ctx.store.transaction(async (tx) => {
    const existing = await findVault(tx, ctx.accountId, ctx.region, input.BackupVaultName)
    if (existing !== undefined) return sameRequest(existing, input, kind)
    if ((await countVaults(tx, ctx)) >= MAX_VAULTS)
      throw new LimitExceededException(
        `Cannot create backup vault ${input.BackupVaultName}: the account has ${MAX_VAULTS} in ${ctx.region}, the limit. Delete one that is empty first`,
      )
    await checkKeyIsKnown(ctx, tx, kind.encryption_key_arn)
    const vault = newVault(ctx, input, kind)
    const row = { ...vault, storage: JSON.stringify(await storageOfNewVault(tx, vault)) }
    await insertVault(tx, row)
    await putTags(tx, ctx.accountId, row.arn, tags)
    await insertJob(tx, {
      ...jobBasics(ctx, 'create-vault'),
      vault_name: row.name,
      lock_key: sealingKey(row),
    })
    if (row.lock_configuration !== null) await insertJob(tx, sealingJob(ctx, row))
    return row
  })
  ctx.store.wake()
  return vault
}

/** The same CreatorRequestId again is the same request; anything else is a second vault of that name. */
function sameRequest(existing: VaultTable, input: CreateBackupVaultInput, kind: ChosenKind): VaultTable {
  const isSame =
    input.CreatorRequestId !== undefined && existing.creator_request_id === input.CreatorRequestId
  const isSameKind =
    existing.vault_type === kind.vault_type && existing.encryption_key_arn === kind.encryption_key_arn
  if (isSame && isSameKind && isSameRange(existing, kind)) return existing
  throw new AlreadyExistsException(`A Backup vault with the name ${existing.name} already exists`, {
    Arn: existing.arn,
    CreatorRequestId: existing.creator_request_id ?? undefined,
  })
}

/** An air-gapped vault keeps for the range it was made with: a request for another one is not the same. */
function isSameRange(
  existing: Pick<VaultTable, 'lock_configuration'>,
  { vault_type, lock_configuration }: Pick<VaultTable, 'vault_type' | 'lock_configuration'>,
): boolean {
  if (vault_type === 'BACKUP_VAULT') return true
  const [was, asked] = [parseLockText(existing.lock_configuration), parseLockText(lock_configuration)]
  return (
    was?.minRetentionDays === asked?.minRetentionDays && was?.maxRetentionDays === asked?.maxRetentionDays
  )
}

function newVault(
  ctx: Context,
  input: CreateBackupVaultInput,
  kind: ChosenKind,
): Omit<VaultTable, 'storage'> {
  return {
    account_id: ctx.accountId,
    region: ctx.region,
    name: input.BackupVaultName,
    arn: vaultArn(ctx, input.BackupVaultName),
    vault_id: randomHex(16),
    state: 'CREATING',
    created_at: ctx.now,
    creator_request_id: input.CreatorRequestId ?? uuid(),
    wrapped_key: null,
    access_policy: null,
    sealed_records: null,
    lock_problem: null,
    notifications: null,
    generation: 0,
    stored_bytes: 0,
    ...kind,
  }
}

export async function describeBackupVault(
  ctx: Context,
  input: DescribeBackupVaultInput,
): Promise<DescribeBackupVaultOutput> {
  checkVaultAccount(ctx, input)
  const vault = await vaultNamed(ctx, input.BackupVaultName)
  if (vault.lock_problem !== null) ctx.warn(vault.lock_problem)
  return { ...toListMember(vault, await countPoints(ctx.store.db, vault)) }
}

export async function listBackupVaults(
  ctx: Context,
  input: ListBackupVaultsInput,
): Promise<ListBackupVaultsOutput> {
  const type = input.ByVaultType
  if (type === 'RESTORE_ACCESS_BACKUP_VAULT') return { BackupVaultList: [] }
  if (input.ByShared === true) return { BackupVaultList: [] }
  const page = pageOf(ctx, 'ListBackupVaults', input)
  const { rows, next } = await listVaults(
    ctx.store.db,
    { accountId: ctx.accountId, region: ctx.region, type },
    page,
  )
  const members = rows.map(async (row) => toListMember(row, await countPoints(ctx.store.db, row)))
  return {
    BackupVaultList: await Promise.all(members),
    NextToken: nextToken(ctx, 'ListBackupVaults', next),
  }
}

export async function deleteBackupVault(
  ctx: Context,
  input: DeleteBackupVaultInput,
): Promise<Record<string, never>> {
  await ctx.store.transaction(async (tx) => {
    const vault = await findVault(tx, ctx.accountId, ctx.region, input.BackupVaultName)
    if (vault === undefined) throw noSuchVault(input.BackupVaultName)
    const points = await countPoints(tx, vault)
    if (points > 0) {
      throw new InvalidRequestException(
        `Backup vault cannot be deleted because it contains recovery points. ${vault.name} contains ${points}: delete them first`,
      )
    }
    if ((await deleteVault(tx, vault)) === 'has-jobs') {
      throw new InvalidRequestException(
        `Backup vault cannot be deleted while jobs use it. Wait for the unfinished jobs of ${vault.name} to end, or stop them`,
      )
    }
    for (const job of await unfinishedUpkeep(tx, vault))
      await requestCancel(tx, job, {
        now: ctx.now,
        message: `Backup vault ${vault.name} was deleted`,
        callerArn: ctx.principal.arn,
      })
    await deleteAllTags(tx, ctx.accountId, vault.arn)
    await insertJob(tx, {
      ...jobBasics(ctx, 'delete-vault'),
      input: JSON.stringify(vault),
      lock_key: sealingKey(vault),
    })
  })
  ctx.store.wake()
  return {}
}

/** @throws {ResourceNotFoundException} The caller may describe vaults already: absence is no secret to him. */
export async function vaultNamed(
  ctx: Context,
  name: string,
  db: Queryable = ctx.store.db,
): Promise<VaultTable> {
  const vault = await findVault(db, ctx.accountId, ctx.region, name)
  if (vault === undefined) throw noSuchVault(name)
  return vault
}

/** @throws {ResourceNotFoundException} Where another account's vault is asked for: accounts see nothing of each other. */
export function checkVaultAccount(
  ctx: Context,
  asked: { readonly BackupVaultName: string; readonly BackupVaultAccountId?: string | undefined },
): void {
  const { BackupVaultName: name, BackupVaultAccountId: accountId } = asked
  if (accountId === undefined || accountId === ctx.accountId) return
  throw new ResourceNotFoundException(
    `Backup vault "${name}" of account ${accountId} cannot be found by account ${ctx.accountId}: accounts see only their own. Leave BackupVaultAccountId out for that of this account`,
    { Context: 'BackupVaultAccountId' },
  )
}

export function noSuchVault(name: string): ResourceNotFoundException {
  return new ResourceNotFoundException(`Backup vault "${name}" does not exist in this account and region`, {
    Context: name,
  })
}

function toListMember(vault: VaultTable, points: number): BackupVaultListMember {
  return {
    BackupVaultName: vault.name,
    BackupVaultArn: vault.arn,
    VaultType: vault.vault_type,
    VaultState: vault.state,
    CreationDate: new Date(vault.created_at),
    EncryptionKeyArn: vault.encryption_key_arn,
    CreatorRequestId: vault.creator_request_id ?? undefined,
    NumberOfRecoveryPoints: points,
    ...toLockMembers(vault),
    EncryptionKeyType: keyTypeOf(vault.encryption_key_arn),
  }
}
