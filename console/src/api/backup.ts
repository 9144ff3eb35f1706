import {
  BackupClient,
  GetBackupPlanFromJSONCommand,
  PutBackupVaultLockConfigurationCommand,
} from '@aws-sdk/client-backup'
import type { PutBackupVaultLockConfigurationInput } from '@aws-sdk/client-backup'
import { configFor } from './sdk.ts'

// The SDK's own type of a signer has more than the signer that we give needs.
export const backup: BackupClient = new BackupClient(configFor('backup') as never)

/**
 * What the server would warn of if it took this plan, which AWS's answer has no member for; empty where it warns of nothing.
 * @throws What it would refuse it for.
 */
export async function planWarning(BackupPlanTemplateJson: string): Promise<string> {
  const command = new GetBackupPlanFromJSONCommand({ BackupPlanTemplateJson })
  const heard = new Heard()
  command.middlewareStack.add(heard.listen, { step: 'deserialize' })
  await backup.send(command)
  return heard.warning
}

/** Locks a vault. What the server warns of: plans whose backups the lock would refuse. Empty where it warns of nothing. */
export async function lockVault(input: PutBackupVaultLockConfigurationInput): Promise<string> {
  const command = new PutBackupVaultLockConfigurationCommand(input)
  const heard = new Heard()
  command.middlewareStack.add(heard.listen, { step: 'deserialize' })
  await backup.send(command)
  return heard.warning
}

/** What an answer warns of. */
class Heard {
  warning = ''

  readonly listen =
    <Args, Result extends { readonly response: unknown }>(next: (args: Args) => Promise<Result>) =>
    async (args: Args): Promise<Result> => {
      const result = await next(args)
      const { headers } = result.response as { readonly headers: Readonly<Record<string, string>> }
      this.warning = headers['x-roleback-warning'] ?? ''
      return result
    }
}
