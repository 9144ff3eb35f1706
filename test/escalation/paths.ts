import assert from 'node:assert/strict'
import type { backup } from '../../src/backup/operations.ts'
import type { Call } from '../../src/aws/client.ts'
import type { BackupPlanInput } from '../../src/aws/generated/backup.ts'
import { AwsError } from '../../src/aws/error.ts'
import { allow, policy } from '../fixtures/world.ts'

/**
 * The known ways from some rights to more. On each, Mallory has every right there is but the one that the way asks for: the call is
 * refused by that right's name, on that resource, and with that right it is let by, so that nothing else was in the way.
 */
export interface Path {
  readonly name: string
  /** The right that must be missed. */
  readonly needs: string
  readonly on: (place: Place) => string
  readonly attempt: (call: Call, place: Place) => Promise<unknown>
  /** Of AWS Backup; the way is open as soon as it is built. */
  readonly operation?: keyof typeof backup
  /** What else Mallory is given: `needs` where it would be harmless. */
  readonly also?: (place: Place) => readonly object[]
}

/** Mallory, and what lies about in the account. */
export interface Place {
  readonly name: string
  readonly arn: string
  readonly id: (rest: string) => string
  readonly ownPolicy: string
  /** His group, and a role that trusts the account and that he may assume. */
  readonly group: string
  readonly role: string
  readonly vault: string
  readonly resource: string
  readonly point: string
  readonly strong: string
  readonly weak: string
  /** Id of a plan of root's. */
  readonly rootsPlan: string
}

export const VAULT = 'keep'
export const ADMINISTRATOR = 'arn:aws:iam::aws:policy/AdministratorAccess'
export const EVERYTHING: string = policy(allow('*'))
export const self = ({ arn }: Place): string => arn
export const strong = (place: Place): string => place.strong
export const ownGroup = ({ id, group }: Place): string => id(`group/${group}`)
export const openRole = ({ id, role }: Place): string => id(`role/${role}`)
export const boss = ({ id }: Place): string => id('user/boss')
/** Mallory may pass one role, which can do little. */
export const mayPassWeak = ({ weak }: Place): readonly object[] => [allow('iam:PassRole', weak)]
export const trustOf = (place: Place): string =>
  policy({ Effect: 'Allow', Principal: { AWS: place.arn }, Action: 'sts:AssumeRole' })

export const planTo = (name: string, TargetBackupVaultName: string): BackupPlanInput => ({
  BackupPlanName: name,
  Rules: [{ RuleName: 'daily', TargetBackupVaultName, ScheduleExpression: 'cron(0 5 * * ? *)' }],
})

/** Id of the plan of this name; made where there is none. */
export async function planNamed(call: Call, name: string): Promise<string> {
  const { BackupPlansList } = await call('backup', 'ListBackupPlans', {})
  const found = BackupPlansList?.find((plan) => plan.BackupPlanName === name)?.BackupPlanId
  if (found !== undefined) return found
  const { BackupPlanId = '' } = await call('backup', 'CreateBackupPlan', {
    BackupPlan: planTo(name, VAULT),
  })
  return BackupPlanId
}

/** What an attempt has left there for the one behind it is no refusal. */
export function isThere(error: unknown): void {
  if (!(error instanceof AwsError) || error.code !== 'EntityAlreadyExists') throw error
}

/** The tagging API answers with the failures; the first is thrown, as if the service had been asked itself. */
export async function taggedThrough(call: Call, arn: string): Promise<void> {
  const { FailedResourcesMap } = await call('tagging', 'TagResources', {
    ResourceARNList: [arn],
    Tags: { team: 'backup' },
  })
  const failed = FailedResourcesMap?.[arn]
  if (failed === undefined) return
  // Its error codes are two; the status tells a refusal.
  assert.equal(failed.StatusCode, 403, String(failed.ErrorMessage))
  throw new AwsError('AccessDeniedException', 403, failed.ErrorMessage ?? '')
}
