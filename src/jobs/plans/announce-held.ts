import { arnOf } from '../../lib/arn.ts'
import { recordNotice } from '../../store/events/events.ts'
import type { HeldDeletionTable } from '../../store/points/schema-retention.ts'
import type { Queryable } from '../../store/store.ts'
import type { JobTools } from '../tools.ts'

/** Recovery points of one vault that came to be held at one time, for one reason. */
export type Held = Pick<HeldDeletionTable, 'account_id' | 'region' | 'vault_name' | 'cause' | 'reason'> & {
  readonly count: number
  /** Where it is one that is held, as the last of its resource. */
  readonly last?: { readonly arn: string; readonly resource_arn: string }
}

/** In the transaction that holds them: event targets are told, whatever becomes of the server. @param now Milliseconds since 1970. */
export async function recordHeld(tx: Queryable, held: Held, now: number): Promise<void> {
  const { account_id, region, vault_name, cause, reason, count, last } = held
  const vaultArn = arnOf('backup', region, account_id, `backup-vault:${vault_name}`)
  await recordNotice(tx, {
    accountId: account_id,
    region,
    at: now,
    detailType: 'Deletions Held',
    resources: last === undefined ? [vaultArn] : [last.arn, vaultArn],
    detail: {
      backupVaultName: vault_name,
      backupVaultArn: vaultArn,
      state: 'HELD',
      cause,
      recoveryPointCount: count,
      ...(last !== undefined && { recoveryPointArn: last.arn, resourceArn: last.resource_arn }),
      statusMessage: reason,
    },
    cause: `held ${last?.arn ?? vaultArn} ${now}`,
  })
}

/** Behind the transaction. */
export function logHeld(log: JobTools['log'], held: Held): void {
  log.warn('recovery points are held that were to be deleted: somebody must approve', {
    account: held.account_id,
    region: held.region,
    vault: held.vault_name,
    cause: held.cause,
    points: held.count,
    reason: held.reason,
  })
}
