import { InvalidParameterValueException, ResourceNotFoundException } from '../aws/generated/backup.ts'
import type {
  DeleteBackupVaultNotificationsInput,
  GetBackupVaultNotificationsInput,
  GetBackupVaultNotificationsOutput,
  PutBackupVaultNotificationsInput,
} from '../aws/generated/backup.ts'
import type { Context } from '../context.ts'
import { parseArn } from '../lib/arn.ts'
import { setNotifications } from '../store/vaults/vaults.ts'
import { vaultNamed } from './vaults.ts'

/** As the vault's row keeps it. */
interface Notifications {
  readonly topic: string
  readonly events: PutBackupVaultNotificationsInput['BackupVaultEvents']
}

/** Keeps which events of a vault a topic is to hear of, in the place of what was kept before. */
export async function putBackupVaultNotifications(
  ctx: Context,
  input: PutBackupVaultNotificationsInput,
): Promise<Record<string, never>> {
  const { SNSTopicArn: topic, BackupVaultEvents: events } = input
  const parsed = parseArn(topic)
  if (parsed?.service !== 'sns' || !/^[A-Za-z0-9_-]{1,256}(\.fifo)?$/.test(parsed.resource)) {
    throw new InvalidParameterValueException(
      `SNSTopicArn "${topic}" is not the ARN of a topic: expected arn:aws:sns:REGION:ACCOUNT:NAME`,
      { Context: 'SNSTopicArn' },
    )
  }
  if (events.length === 0) {
    throw new InvalidParameterValueException('BackupVaultEvents must name at least one event', {
      Context: 'BackupVaultEvents',
    })
  }
  const vault = await vaultNamed(ctx, input.BackupVaultName)
  const kept: Notifications = { topic, events: [...new Set(events)] }
  await setNotifications(ctx.store.db, vault, JSON.stringify(kept))
  return {}
}

export async function getBackupVaultNotifications(
  ctx: Context,
  input: GetBackupVaultNotificationsInput,
): Promise<GetBackupVaultNotificationsOutput> {
  const vault = await vaultNamed(ctx, input.BackupVaultName)
  if (vault.notifications === null) {
    throw new ResourceNotFoundException(`Backup vault ${vault.name} has no notifications`, {
      Context: vault.name,
    })
  }
  const { topic, events } = JSON.parse(vault.notifications) as Notifications
  return {
    BackupVaultName: vault.name,
    BackupVaultArn: vault.arn,
    SNSTopicArn: topic,
    BackupVaultEvents: events,
  }
}

export async function deleteBackupVaultNotifications(
  ctx: Context,
  input: DeleteBackupVaultNotificationsInput,
): Promise<Record<string, never>> {
  const vault = await vaultNamed(ctx, input.BackupVaultName)
  await setNotifications(ctx.store.db, vault, null)
  return {}
}
