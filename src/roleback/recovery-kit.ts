import { recordRuling } from '../access/own-decisions.ts'
import { guardAll } from '../access/restore-guard.ts'
import { AwsError } from '../aws/error.ts'
import { InvalidParameterValueException } from '../aws/generated/roleback.ts'
import type { IssueRecoveryKitInput, IssueRecoveryKitOutput } from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { kitIdOf } from '../keyring/recovery-kit.ts'
import { newVaultKey, wrapForKit } from '../keyring/vault-key.ts'
import { uuid } from '../lib/ids.ts'
import { findServer, setRecoveryKit } from '../store/identity/accounts.ts'
import { earlierSigners } from '../store/identity/identity-export.ts'
import { insertJob } from '../store/jobs/jobs.ts'
import { listAllVaults } from '../store/vaults/vaults.ts'
import { refuseTenants } from './accounts.ts'

const ACTION = 'roleback:IssueRecoveryKit'
const MATCHING_RIGHT = 'iam:CreateAccessKey'
/** What it takes to issue a kit, beside the second factor. */
export const KIT_RIGHTS: readonly string[] = [ACTION, MATCHING_RIGHT]

/**
 * Makes another recovery kit the server's: every vault is given a new key, which seals what is written from then on, and all its keys
 * are wrapped for the kit. The kit before opens what was written until then. The private half never comes here.
 */
export async function issueRecoveryKit(
  ctx: Context,
  { PublicKey }: IssueRecoveryKitInput,
): Promise<IssueRecoveryKitOutput> {
  await refuseTenants(ctx, ACTION)
  await ctx.authorize(MATCHING_RIGHT, '*')
  const kitId = kitIdOf(checkedKey(PublicKey))
  for (const warning of await guardAll(ctx, 'a recovery kit opens every vault of the server'))
    ctx.warn(warning)
  await refuseWithoutMfa(ctx)
  const { before, jobs } = await ctx.store.transaction(async (tx) => {
    const server = await findServer(tx)
    await setRecoveryKit(tx, PublicKey)
    const jobs: string[] = []
    for (const vault of await listAllVaults(tx)) {
      const { row } = await insertJob(tx, {
        account_id: vault.account_id,
        region: vault.region,
        job_id: uuid(),
        kind: 'rotate-key',
        created_at: ctx.now,
        caller_arn: ctx.principal.arn,
        input: JSON.stringify({ vaultName: vault.name }),
        lock_key: `keys ${vault.vault_id}`,
      })
      jobs.push(row.job_id)
    }
    return { before: kitIdOf(Buffer.from(server?.recovery_kit_public_key ?? '', 'base64')), jobs }
  })
  ctx.store.wake()
  ctx.log.warn('a recovery kit was issued: it opens every vault of this server', {
    kit: kitId,
    before,
    by: ctx.principal.arn,
  })
  const IdentitySigners = [ctx.serverKey.identitySigner, ...(await earlierSigners(ctx.store.db))]
  return { KitId: kitId, PreviousKitId: before, JobIds: jobs, IdentitySigners }
}

/** 32 bytes that keys can be wrapped to: a weak point would make them known to everybody. */
function checkedKey(text: string): Buffer {
  const key = Buffer.from(text, 'base64')
  try {
    if (key.length === 32 && key.toString('base64') === text) {
      wrapForKit(text, 'check', newVaultKey())
      return key
    }
  } catch {
    // Said below, like every other key that is none.
  }
  throw new InvalidParameterValueException(
    'PublicKey is not the base64 of an X25519 public key of 32 bytes. Issue a kit with "roleback kit issue"',
    { Context: 'PublicKey' },
  )
}

/** Whatever policies allow: a stolen key alone must not be enough for what opens every vault. */
async function refuseWithoutMfa(ctx: Context): Promise<void> {
  if (ctx.principal.session?.mfaAuthenticated === true) return
  const ruling = {
    layer: 'resource',
    reason: 'because a recovery kit is issued to somebody with MFA alone',
    remedy:
      'sign in with an MFA code ("roleback session start --mfa", or sts:GetSessionToken with SerialNumber and TokenCode)',
  } as const
  const message = await recordRuling(ctx, { action: ACTION, resource: '*' }, ruling)
  throw new AwsError('AccessDeniedException', 403, message)
}
