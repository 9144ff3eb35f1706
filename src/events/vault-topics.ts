import { parseArn } from '../lib/arn.ts'
import { findPlanDocument } from '../store/plans/plan-runs.ts'
import type { EventRow } from '../store/events/events.ts'
import type { VaultTable } from '../store/schema.ts'
import type { Queryable } from '../store/store.ts'
import { findVault } from '../store/vaults/vaults.ts'
import type { Event } from './event.ts'
import { notificationOf } from './notification.ts'
import type { Notification } from './notification.ts'

/** What topics hear of an event from the vaults that it is about: each topic once. */
export async function notificationsOf(
  db: Queryable,
  row: EventRow,
  event: Event,
): Promise<readonly Notification[]> {
  const found = new Map<string, Notification>()
  for (const vault of await vaultsOf(db, row, event)) {
    const notification = notificationOf(vault, event)
    if (notification !== undefined) found.set(notification.topicArn, notification)
  }
  return [...found.values()]
}

async function vaultsOf(db: Queryable, row: EventRow, event: Event): Promise<readonly VaultTable[]> {
  if (row.kind === 'plan') {
    const { plan_id, version_id } = JSON.parse(row.body) as { plan_id: string; version_id: string }
    const document = await findPlanDocument(db, plan_id, version_id)
    const { Rules = [] } = JSON.parse(document ?? '{}') as {
      readonly Rules?: readonly { readonly TargetBackupVaultName: string }[]
    }
    const names = new Set(Rules.map(({ TargetBackupVaultName }) => TargetBackupVaultName))
    return await present([...names].map((name) => findVault(db, row.account_id, row.region, name)))
  }
  if (row.kind !== 'job' && row.kind !== 'point' && row.kind !== 'index') return []
  const { vault_name } = JSON.parse(row.body) as { vault_name: string | null }
  const own = vault_name === null ? undefined : findVault(db, row.account_id, row.region, vault_name)
  return await present([own, destinationOf(db, row, event)])
}

/** Of a copy, where it stays in the account: what another account's vault tells is not this one's to trigger. */
async function destinationOf(db: Queryable, row: EventRow, event: Event): Promise<VaultTable | undefined> {
  const arn = event.detail['destinationBackupVaultArn']
  const parsed = typeof arn === 'string' ? parseArn(arn) : undefined
  if (parsed === undefined || parsed.accountId !== row.account_id) return undefined
  const name = parsed.resource.replace(/^backup-vault:/, '')
  return await findVault(db, row.account_id, parsed.region, name)
}

async function present(
  found: readonly (Promise<VaultTable | undefined> | undefined)[],
): Promise<readonly VaultTable[]> {
  const vaults: VaultTable[] = []
  for (const each of found) {
    const vault = await each
    if (vault !== undefined) vaults.push(vault)
  }
  return vaults
}
