import { resourceTagKeys } from '../access/request-context.ts'
import { InvalidRequestException, ResourceNotFoundException } from '../aws/generated/roleback.ts'
import type {
  ApproveHeldDeletionsInput,
  ApproveHeldDeletionsOutput,
  HeldDeletion,
  ListHeldDeletionsInput,
  ListHeldDeletionsOutput,
} from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import {
  approveHeldDeletion,
  findHeldDeletion,
  listHeldDeletions as listRows,
} from '../store/points/held-deletions.ts'
import { tagsOf } from '../store/identity/tags.ts'
import { findVault } from '../store/vaults/vaults.ts'
import { nextToken, pageOf } from './paging.ts'

/** Recovery points past their retention that stay until somebody approves, in one vault or in all of the region. */
export async function listHeldDeletions(
  ctx: Context,
  input: ListHeldDeletionsInput,
): Promise<ListHeldDeletionsOutput> {
  const { BackupVaultName: vaultName } = input
  if (vaultName !== undefined) await vaultOf(ctx, vaultName)
  const list = `ListHeldDeletions ${vaultName ?? '*'}`
  const { accountId, region } = ctx
  const { rows, next } = await listRows(
    ctx.store.db,
    { accountId, region, vaultName },
    pageOf(ctx, list, input),
  )
  return {
    HeldDeletions: rows.map((row): HeldDeletion => ({
      RecoveryPointArn: row.arn,
      BackupVaultName: row.vault_name,
      ResourceArn: row.resource_arn,
      Cause: row.cause,
      Reason: row.reason,
      HeldAt: new Date(row.held_at),
      CreationDate: new Date(row.created_at),
      DeleteAt: row.delete_at === null ? undefined : new Date(row.delete_at),
      ApprovedAt: row.approved_at === null ? undefined : new Date(row.approved_at),
      ApprovedBy: row.approved_by ?? undefined,
    })),
    NextToken: nextToken(ctx, list, next),
  }
}

/**
 * Lets held recovery points go their usual way. Whoever approves must be allowed to delete each of them; whether its role may, whether
 * a lock or a legal hold keeps it, is asked when it goes. All are approved, or none.
 */
export async function approveHeldDeletions(
  ctx: Context,
  input: ApproveHeldDeletionsInput,
): Promise<ApproveHeldDeletionsOutput> {
  const vault = await vaultOf(ctx, input.BackupVaultName)
  const arns = [...new Set(input.RecoveryPointArns)]
  for (const arn of arns) {
    const held = await findHeldDeletion(ctx.store.db, arn)
    const isHere =
      held?.account_id === ctx.accountId && held.region === ctx.region && held.vault_name === vault.name
    if (!isHere) {
      throw new ResourceNotFoundException(
        `Recovery point ${arn} is not held in backup vault "${vault.name}": ListHeldDeletions says what is`,
        { Context: arn },
      )
    }
    await ctx.authorize(
      'backup:DeleteRecoveryPoint',
      arn,
      resourceTagKeys(await tagsOf(ctx.store.db, ctx.accountId, arn)),
    )
  }
  const by = { at: ctx.now, principalArn: ctx.principal.arn }
  await ctx.store.transaction(async (tx) => {
    for (const arn of arns) {
      if (await approveHeldDeletion(tx, { account_id: ctx.accountId, arn }, by)) continue
      throw new InvalidRequestException(`The deletion of ${arn} is approved already, or held no longer`, {
        Context: arn,
      })
    }
  })
  return { RecoveryPointArns: arns }
}

async function vaultOf(ctx: Context, name: string): Promise<{ readonly name: string }> {
  const vault = await findVault(ctx.store.db, ctx.accountId, ctx.region, name)
  if (vault !== undefined) return vault
  throw new ResourceNotFoundException(`Backup vault "${name}" does not exist in this account and region`, {
    Context: name,
  })
}
