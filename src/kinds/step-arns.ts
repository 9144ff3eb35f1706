import type { StepTarget } from './kind.ts'

/**
 * Picks the ARN that a step is decided on. A step whose ARN is missing must never be decided on nothing: these throw.
 */
function present(arn: string | undefined, what: string): string {
  if (arn === undefined || arn === '') {
    throw new Error(`A step that is decided on the ${what} was asked for without its ARN`)
  }
  return arn
}

export const onResource = (target: StepTarget): readonly string[] => [present(target.resourceArn, 'resource')]

export const onRecoveryPoint = (target: StepTarget): readonly string[] => [
  present(target.recoveryPointArn, 'recovery point'),
]

export const onVault = (target: StepTarget): readonly string[] => [
  present(target.backupVaultArn, 'backup vault'),
]

export const onDestinationVault = (target: StepTarget): readonly string[] => [
  present(target.destinationVaultArn, 'destination vault'),
]

export const onEncryptionKey = (target: StepTarget): readonly string[] => [
  present(target.encryptionKeyArn, 'encryption key'),
]

export const onRestored = (target: StepTarget): readonly string[] => [
  present(target.targetArn, 'restored resource'),
]

export const onObject = (target: StepTarget): readonly string[] => [present(target.objectArn, 'object')]

/** The action must be allowed on both, as AWS does for CreateDBSnapshot and RestoreDBInstanceFromDBSnapshot. */
export const onBoth =
  (first: (target: StepTarget) => readonly string[], second: (target: StepTarget) => readonly string[]) =>
  (target: StepTarget): readonly string[] => [...first(target), ...second(target)]
