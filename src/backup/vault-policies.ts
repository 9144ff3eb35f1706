import { savePrincipals, showPrincipals } from '../access/principal-ids.ts'
import {
  InvalidParameterValueException,
  MissingParameterValueException,
  ResourceNotFoundException,
} from '../aws/generated/backup.ts'
import type {
  DeleteBackupVaultAccessPolicyInput,
  GetBackupVaultAccessPolicyInput,
  GetBackupVaultAccessPolicyOutput,
  PutBackupVaultAccessPolicyInput,
} from '../aws/generated/backup.ts'
import type { Context } from '../context.ts'
import { PolicySyntaxError, countedSize, parsePolicy } from '../policy/parse.ts'
import { sentenceWithPlace } from '../policy/positions.ts'
import { setAccessPolicy } from '../store/vaults/vaults.ts'
import { vaultNamed } from './vaults.ts'

/** Characters of a vault's access policy, white space aside. */
const MAX_POLICY = 20_480

/**
 * Keeps who may do what with the vault, beside what their own policies say. Its principals are kept by unique id: one that is made
 * again under a name is not meant. Terraform repeats the call on "Provided principal is not valid".
 */
export async function putBackupVaultAccessPolicy(
  ctx: Context,
  input: PutBackupVaultAccessPolicyInput,
): Promise<Record<string, never>> {
  if (input.Policy === undefined)
    throw new MissingParameterValueException('Policy is required', { Context: 'Policy' })
  const vault = await vaultNamed(ctx, input.BackupVaultName)
  const document = await savedPolicy(ctx, input.Policy)
  await setAccessPolicy(ctx.store.db, vault, document)
  return {}
}

async function savedPolicy(ctx: Context, policy: string): Promise<string> {
  if (countedSize(policy) > MAX_POLICY) throw refused(`it has more than ${MAX_POLICY} characters`)
  try {
    parsePolicy(policy, 'vault')
  } catch (error) {
    if (error instanceof PolicySyntaxError) throw refused(sentenceWithPlace(policy, error))
    throw error
  }
  const saved = await savePrincipals(ctx.store.db, policy)
  if (saved.ok) return saved.document
  throw new InvalidParameterValueException(`Provided principal is not valid: ${saved.principal}`, {
    Context: 'Policy',
  })
}

export async function getBackupVaultAccessPolicy(
  ctx: Context,
  input: GetBackupVaultAccessPolicyInput,
): Promise<GetBackupVaultAccessPolicyOutput> {
  const vault = await vaultNamed(ctx, input.BackupVaultName)
  if (vault.access_policy === null) {
    throw new ResourceNotFoundException(`Backup vault ${vault.name} has no access policy`, {
      Context: vault.name,
    })
  }
  return {
    BackupVaultName: vault.name,
    BackupVaultArn: vault.arn,
    Policy: await showPrincipals(ctx.store.db, vault.access_policy),
  }
}

export async function deleteBackupVaultAccessPolicy(
  ctx: Context,
  input: DeleteBackupVaultAccessPolicyInput,
): Promise<Record<string, never>> {
  const vault = await vaultNamed(ctx, input.BackupVaultName)
  await setAccessPolicy(ctx.store.db, vault, null)
  return {}
}

function refused(problem: string): InvalidParameterValueException {
  return new InvalidParameterValueException(`Invalid vault access policy: ${problem}`, { Context: 'Policy' })
}
