import { BackupClient, GetBackupPlanFromJSONCommand } from '@aws-sdk/client-backup'
import { configFor } from './sdk.ts'

// The SDK's own type of a signer has more than the signer that we give needs.
export const backup: BackupClient = new BackupClient(configFor('backup') as never)

/**
 * What the server would warn of if it took this plan, which AWS's answer has no member for; empty where it warns of nothing.
 * @throws What it would refuse it for.
 */
export async function planWarning(BackupPlanTemplateJson: string): Promise<string> {
  const command = new GetBackupPlanFromJSONCommand({ BackupPlanTemplateJson })
  let warning = ''
  command.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args)
      const { headers } = result.response as { readonly headers: Readonly<Record<string, string>> }
      warning = headers['x-roleback-warning'] ?? ''
      return result
    },
    { step: 'deserialize' },
  )
  await backup.send(command)
  return warning
}
