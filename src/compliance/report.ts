import type { Queryable } from '../store/store.ts'
import { controlItems, resourceItems } from './report-findings.ts'
import { backupItem, copyItem, reportedJobs, restoreItem } from './report-jobs.ts'

/**
 * What reports say. Members and their order are AWS's samples'; what this server knows nothing of is null.
 *
 * Source: AWS Backup developer guide, "Choosing your report template".
 */
export type ReportItem = Readonly<Record<string, string | number | boolean | null>>

/** AWS's templates. There are no scans here: their report is always empty. */
export const REPORT_TEMPLATES = [
  'BACKUP_JOB_REPORT',
  'COPY_JOB_REPORT',
  'RESTORE_JOB_REPORT',
  'SCAN_JOB_REPORT',
  'RESOURCE_COMPLIANCE_REPORT',
  'CONTROL_COMPLIANCE_REPORT',
] as const

export type ReportTemplate = (typeof REPORT_TEMPLATES)[number]

export const isOfCompliance = (template: ReportTemplate): boolean => template.endsWith('_COMPLIANCE_REPORT')

/** What one report is about. */
export interface ReportScope {
  readonly accountId: string
  readonly regions: readonly string[]
  /** Of frameworks, for reports of compliance. */
  readonly frameworkArns: readonly string[]
  /** Jobs that ended since, and those that have not. Milliseconds since 1970. */
  readonly from: number
  readonly to: number
}

/** The members of a template's items, in order: a report without items has them as its header. */
export const COLUMNS: Readonly<Record<ReportTemplate, readonly string[]>> = {
  BACKUP_JOB_REPORT: Object.keys(backupItem()),
  COPY_JOB_REPORT: Object.keys(copyItem()),
  RESTORE_JOB_REPORT: Object.keys(restoreItem()),
  SCAN_JOB_REPORT: [
    'reportTimePeriodStart',
    'reportTimePeriodEnd',
    'accountId',
    'region',
    'scanJobId',
    'scanId',
    'malwareScanner',
    'jobStatus',
    'scanResultStatus',
    'statusMessage',
    'resourceType',
    'resourceArn',
    'backupPlanArn',
    'creationDate',
    'recoveryPointArn',
    'backupVaultName',
    'backupVaultArn',
    'iamRoleArn',
    'scannerRoleArn',
  ],
  RESOURCE_COMPLIANCE_REPORT: [
    'accountId',
    'region',
    'frameworkName',
    'frameworkDescription',
    'controlName',
    'resourceId',
    'resourceType',
    'resourceComplianceStatus',
    'lastEvaluationTime',
  ],
  CONTROL_COMPLIANCE_REPORT: [
    'accountId',
    'region',
    'frameworkName',
    'frameworkDescription',
    'controlName',
    'controlComplianceStatus',
    'lastEvaluationTime',
    'numResourcesCompliant',
    'numResourcesNonCompliant',
    'controlFrequency',
    'controlScope',
    'controlParameters',
  ],
}

/** The items of a report, a page of rows in memory at a time. */
export function reportItems(
  db: Queryable,
  template: ReportTemplate,
  scope: ReportScope,
): AsyncIterable<ReportItem> {
  switch (template) {
    case 'BACKUP_JOB_REPORT':
      return reportedJobs(db, 'backup', scope, backupItem)
    case 'COPY_JOB_REPORT':
      return reportedJobs(db, 'copy', scope, copyItem)
    case 'RESTORE_JOB_REPORT':
      return reportedJobs(db, 'restore', scope, restoreItem)
    case 'SCAN_JOB_REPORT':
      return none()
    case 'RESOURCE_COMPLIANCE_REPORT':
      return resourceItems(db, scope)
    case 'CONTROL_COMPLIANCE_REPORT':
      return controlItems(db, scope)
  }
}

async function* none(): AsyncGenerator<ReportItem, void, void> {
  // Nothing is scanned here.
}
