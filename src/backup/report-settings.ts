import { InvalidParameterValueException } from '../aws/generated/backup.ts'
import type { ReportDeliveryChannel, ReportSetting } from '../aws/generated/backup.ts'
import { REPORT_FORMATS } from '../compliance/report-format.ts'
import { isOfCompliance, REPORT_TEMPLATES } from '../compliance/report.ts'
import type { ReportTemplate } from '../compliance/report.ts'
import { frameworkOfArn } from '../compliance/report-findings.ts'
import type { Context } from '../context.ts'
import { efs } from '../kinds/efs.ts'
import { s3 } from '../kinds/s3.ts'
import { findResource } from '../store/resources/resources.ts'

export interface ReportTarget {
  readonly type: 'EFS' | 'S3'
  readonly arn: string
  readonly uniqueId: string
}

/** The registered bucket, or directory by its file-system id, that a delivery names. @throws {InvalidParameterValueException} */
export async function reportTarget(ctx: Context, name: string): Promise<ReportTarget> {
  for (const kind of [s3, efs]) {
    const arn = kind.resourceArn({ region: ctx.region, accountId: ctx.accountId, name })
    const resource = await findResource(ctx.store.db, ctx.accountId, arn)
    if (resource !== undefined) return { type: kind === s3 ? 'S3' : 'EFS', arn, uniqueId: resource.unique_id }
  }
  throw invalid(
    'S3BucketName',
    `No bucket, and no file system of that id, is registered as "${name}" in this account and region. Register it with "roleback resource add"`,
  )
}

/** @throws {InvalidParameterValueException} */
export function checkDelivery({ S3KeyPrefix: prefix = '', Formats = [] }: ReportDeliveryChannel): void {
  const parts = prefix.replace(/\/+$/, '').split('/')
  const isOdd =
    parts.some((part) => part === '' || /^\.+$/.test(part)) || !/^[\w!.*'()/-]{0,500}$/.test(prefix)
  if (prefix !== '' && isOdd)
    throw invalid(
      'S3KeyPrefix',
      `S3KeyPrefix "${prefix.slice(0, 100)}" cannot be used: it has up to 500 letters, digits and !-_.*'() in parts with / between them`,
    )
  const odd = Formats.find((format) => !(REPORT_FORMATS as readonly string[]).includes(format))
  if (odd !== undefined) throw invalid('Formats', `Format "${odd}" is not known. Known: CSV, JSON`)
}

/** @throws {InvalidParameterValueException} */
export async function checkSetting(ctx: Context, setting: ReportSetting): Promise<void> {
  const { ReportTemplate: template, FrameworkArns = [], Regions = [], Accounts = [] } = setting
  if (!(REPORT_TEMPLATES as readonly string[]).includes(template))
    throw invalid(
      'ReportTemplate',
      `Report template "${template}" is not known. Known: ${REPORT_TEMPLATES.join(', ')}`,
    )
  const isCompliance = isOfCompliance(template as ReportTemplate)
  if (isCompliance !== FrameworkArns.length > 0)
    throw invalid(
      'FrameworkArns',
      isCompliance
        ? `Report template ${template} needs FrameworkArns`
        : `Report template ${template} takes no FrameworkArns`,
    )
  for (const arn of FrameworkArns)
    if ((await frameworkOfArn(ctx.store.db, ctx.accountId, arn)) === undefined)
      throw invalid('FrameworkArns', `Cannot find framework ${arn}`)
  const region = Regions.find((one) => one !== '*' && !ctx.server.regions.includes(one))
  if (region !== undefined)
    throw invalid(
      'Regions',
      `Region "${region}" is not served here. Served: ${ctx.server.regions.join(', ')}`,
    )
  if (Accounts.some((one) => one !== ctx.accountId) || (setting.OrganizationUnits ?? []).length > 0)
    throw invalid(
      'Accounts',
      'A report is about the account that it is made in: there are no organizations here. Leave Accounts and OrganizationUnits out',
    )
}

function invalid(member: string, message: string): InvalidParameterValueException {
  return new InvalidParameterValueException(message, { Context: member })
}
