import {
  INLINE_ROLE_CHARACTERS,
  MANAGED_CHARACTERS,
  policyOf,
  splitPolicies,
  statementsOf,
} from '../access/grants.ts'
import { grantsOf } from '../access/role-policy.ts'
import type { RestoreWork } from '../access/role-policy.ts'
import { InvalidParameterValueException } from '../aws/generated/roleback.ts'
import type { GenerateRolePolicyInput, GenerateRolePolicyOutput } from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { kindOfArn } from '../kinds/kinds.ts'
import { arnOf } from '../lib/arn.ts'
import { selectedArns } from './resource-selection.ts'

/** AWS's quota of managed policies on a role, unless it was raised. */
const ATTACHABLE = 10

/**
 * The smallest policy that lets a role back up, let expire or restore these resources: what their jobs ask for, and no more. Nothing is
 * changed by it.
 */
export async function generateRolePolicy(
  ctx: Context,
  input: GenerateRolePolicyInput,
): Promise<GenerateRolePolicyOutput> {
  checkInput(input)
  const { region, accountId } = ctx
  const arns = await selectedArns(ctx, input.ResourceArns ?? [], input.BackupSelection)
  const unknown = arns.find((arn) => kindOfArn(arn) === undefined)
  if (unknown !== undefined) {
    throw new InvalidParameterValueException(
      `"${unknown}" is not the ARN of a resource that this server backs up`,
      {
        Context: 'ResourceArns',
      },
    )
  }
  if (arns.length === 0) {
    throw new InvalidParameterValueException('No registered resource is meant by this request', {
      Context: 'ResourceArns',
    })
  }
  const grants = grantsOf({
    region,
    accountId,
    resourceArns: arns,
    vaultArns: input.BackupVaultNames.map((name) =>
      arnOf('backup', region, accountId, `backup-vault:${name}`),
    ),
    isBackingUp: input.Backup === true,
    isExpiring: input.Expire === true,
    restore: input.Restore === true ? restoreOf(input) : undefined,
    isForPlan: input.ForPlan === true,
    withOptional: input.IncludeOptional === true,
  })
  return answerOf(arns, statementsOf(grants))
}

function checkInput(input: GenerateRolePolicyInput): void {
  const { Backup, Expire, Restore, ResourceArns, BackupSelection } = input
  if (Backup !== true && Expire !== true && Restore !== true) {
    throw new InvalidParameterValueException('Nothing is to be allowed: set Backup, Expire or Restore', {
      Context: 'Backup',
    })
  }
  if (ResourceArns === undefined && BackupSelection === undefined) {
    throw new InvalidParameterValueException('A policy needs ResourceArns, a BackupSelection or both', {
      Context: 'ResourceArns',
    })
  }
}

function restoreOf(input: GenerateRolePolicyInput): RestoreWork {
  return {
    targetArns: input.RestoreTargetArns ?? [],
    isToNew: input.RestoreToNew === true,
    isCopyingTags: input.CopySourceTagsToRestoredResource === true,
  }
}

function answerOf(
  arns: readonly string[],
  statements: ReturnType<typeof statementsOf>,
): GenerateRolePolicyOutput {
  const { document, characters } = policyOf(statements)
  const managed = characters <= MANAGED_CHARACTERS ? [{ document, characters }] : splitPolicies(statements)
  return {
    PolicyDocument: document,
    Characters: characters,
    FitsInline: characters <= INLINE_ROLE_CHARACTERS,
    ManagedPolicies: managed.map((one) => ({ PolicyDocument: one.document, Characters: one.characters })),
    StatementCount: statements.length,
    ResourceCount: arns.length,
    Notes: notesOf(characters, managed.length),
  }
}

function notesOf(characters: number, managed: number): string[] {
  if (characters <= INLINE_ROLE_CHARACTERS) return []
  const split = `It has ${characters} characters and is too long for a role's inline policies (${INLINE_ROLE_CHARACTERS})`
  if (managed <= ATTACHABLE) return [`${split}: make ${managed} managed policies of it`]
  return [
    `${split}, and takes ${managed} managed policies where a role has ${ATTACHABLE}: give parts of the resources roles of their own, ` +
      'or allow all that carry a tag (aws:ResourceTag) instead of each by name',
  ]
}
