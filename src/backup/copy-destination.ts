import {
  InvalidParameterValueException,
  InvalidRequestException,
  ResourceNotFoundException,
} from '../aws/generated/backup.ts'
import type { Context } from '../context.ts'
import { parseArn } from '../lib/arn.ts'
import { noColdStorage } from '../plans/lifecycle.ts'
import { globalSettings } from '../store/global-settings.ts'
import type { VaultTable } from '../store/schema.ts'
import { findVaultByArn } from '../store/vaults/vaults.ts'

/** A vault that copies may go to, as far as the caller may know. */
export interface CopyDestination {
  readonly arn: string
  readonly region: string
  readonly accountId: string
  /** Why copies cannot be moved to cold storage there; undefined where they can, or where only the job may tell. */
  readonly noCold: string | undefined
  /** Undefined where only the job may know it. */
  readonly vault: VaultTable | undefined
}

/**
 * Whether a vault can be the destination of copies out of another.
 * @throws {InvalidParameterValueException} {InvalidRequestException} {ResourceNotFoundException}
 */
export async function copyDestination(
  ctx: Context,
  arn: string,
  sourceVaultArn: string,
): Promise<CopyDestination> {
  const parsed = parseArn(arn)
  const name = /^backup-vault:[a-zA-Z0-9\-_]{2,50}$/.exec(parsed?.resource ?? '')
  if (parsed?.service !== 'backup' || name === null) {
    throw new InvalidParameterValueException(
      `DestinationBackupVaultArn "${arn}" is not the ARN of a backup vault: expected arn:aws:backup:REGION:ACCOUNT:backup-vault:NAME`,
      { Context: 'DestinationBackupVaultArn' },
    )
  }
  if (arn === sourceVaultArn) {
    throw new InvalidRequestException(
      `Cannot copy into ${arn}: it is the vault that is copied from. Name another one`,
    )
  }
  const { region, accountId } = parsed
  const { regions } = ctx.server
  if (!regions.includes(region)) {
    throw new InvalidParameterValueException(
      `Cannot copy into ${arn}: this server has no region ${region}. It serves ${regions.join(', ')}; further ones are named with serve --region-root`,
      { Context: 'DestinationBackupVaultArn' },
    )
  }
  if (accountId !== ctx.accountId) {
    // Whether another account has such a vault is for that account to tell: the job hears whether it may copy into it.
    const { settings } = await globalSettings(ctx.store.db, ctx.accountId)
    if (settings['isCrossAccountBackupEnabled'] !== 'true') {
      throw new InvalidRequestException(
        `Cannot copy into ${arn}: it is another account's, and cross-account backup is off in this one. ` +
          'Turn it on with UpdateGlobalSettings (isCrossAccountBackupEnabled)',
      )
    }
    return { arn, region, accountId, noCold: undefined, vault: undefined }
  }
  const vault = await findVaultByArn(ctx.store.db, arn)
  if (vault === undefined)
    throw new ResourceNotFoundException(`Backup vault ${arn} does not exist. Create it first`, {
      Context: arn,
    })
  if (vault.state === 'FAILED')
    throw new InvalidRequestException(
      `Cannot copy into ${arn}: it could not be created. Delete it and create it again`,
    )
  return { arn, region, accountId, noCold: noColdStorage(vault), vault }
}
