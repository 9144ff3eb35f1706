import { hash } from 'node:crypto'
import type { ReportFormat } from './report-format.ts'
import { FORMS } from './report-format.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** What comes before everything that a report plan writes, as AWS has it: `PREFIX/Backup/REGION/`. */
export function reportPrefix(region: string, keyPrefix: string | undefined): string {
  const prefix = keyPrefix === undefined || keyPrefix === '' ? '' : `${keyPrefix.replace(/\/+$/, '')}/`
  return `${prefix}Backup/${region}/`
}

/** `PREFIX/Backup/REGION/YYYY/MM/DD/PLAN_TIME_JOB.csv`; the same for each attempt of a job, so that it is delivered once. */
export function reportKey(
  plan: { readonly name: string; readonly region: string; readonly keyPrefix: string | undefined },
  job: { readonly job_id: string; readonly created_at: number },
  file: { readonly format: ReportFormat; readonly number: number },
): string {
  const at = new Date(job.created_at).toISOString()
  const day = at.slice(0, 10).replaceAll('-', '/')
  const time = `${at.slice(0, 19).replaceAll(':', '-')}Z`
  const part = file.number === 1 ? '' : `_${file.number}`
  const name = `${plan.name}_${time}_${job.job_id.slice(0, 8)}${part}.${FORMS[file.format].extension}`
  return `${reportPrefix(plan.region, plan.keyPrefix)}${day}/${name}`
}

/** Between 1 and 5 AM UTC, as AWS delivers; always at the same moment for one plan, at another for each. */
export function nextReportAt(reportPlanId: string, after: number): number {
  const offset = parseInt(hash('sha256', reportPlanId).slice(0, 12), 16) % (4 * HOUR)
  const today = Math.floor(after / DAY) * DAY + HOUR + offset
  return today > after ? today : today + DAY
}
