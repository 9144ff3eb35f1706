import type { Context } from '../context.ts'
import { arnOf } from '../lib/arn.ts'

type Place = Pick<Context, 'region' | 'accountId'>

/** ARNs of AWS Backup's own resources (service authorization reference for AWS Backup). */

export function vaultArn(place: Place, name: string): string {
  return arnOf('backup', place.region, place.accountId, `backup-vault:${name}`)
}

export function planArn(place: Place, id: string): string {
  return arnOf('backup', place.region, place.accountId, `backup-plan:${id}`)
}

export function frameworkArn(place: Place, name: string): string {
  return arnOf('backup', place.region, place.accountId, `framework:${name}`)
}

export function reportPlanArn(place: Place, name: string): string {
  return arnOf('backup', place.region, place.accountId, `report-plan:${name}`)
}

export function restoreTestingPlanArn(place: Place, name: string): string {
  return arnOf('backup', place.region, place.accountId, `restore-testing-plan:${name}`)
}

export function legalHoldArn(place: Place, id: string): string {
  return arnOf('backup', place.region, place.accountId, `legal-hold:${id}`)
}

export function tieringConfigurationArn(place: Place, name: string): string {
  return arnOf('backup', place.region, place.accountId, `tiering-configuration:${name}`)
}

/** The key every vault here is under: the service's own, as AWS's default `alias/aws/backup`. */
export function defaultKeyArn(place: Place): string {
  return arnOf('kms', place.region, place.accountId, 'alias/aws/backup')
}
