import { InvalidParameterValueException, ResourceNotFoundException } from '../aws/generated/backup.ts'
import type {
  BackupPlanInput,
  ExportBackupPlanTemplateInput,
  ExportBackupPlanTemplateOutput,
  GetBackupPlanFromJSONInput,
  GetBackupPlanFromJSONOutput,
  GetBackupPlanFromTemplateInput,
  GetBackupPlanFromTemplateOutput,
  ListBackupPlanTemplatesInput,
  ListBackupPlanTemplatesOutput,
} from '../aws/generated/backup.ts'
import type { Context } from '../context.ts'
import { nextToken, pageOf } from './paging.ts'
import { planDocument } from './plan-document.ts'
import { documentOf, planOf } from './plans.ts'

interface TemplateRule {
  readonly name: string
  readonly schedule: string
  readonly days: number
}

/** Plans to begin with, by their ids; they write into the vault that AWS's console makes, `Default`. */
const TEMPLATES: readonly {
  readonly id: string
  readonly name: string
  readonly rules: readonly TemplateRule[]
}[] = [
  {
    id: 'daily-35-day-retention',
    name: 'Daily-35day-Retention',
    rules: [{ name: 'DailyBackups', schedule: 'cron(0 5 ? * * *)', days: 35 }],
  },
  {
    id: 'daily-monthly-1yr-retention',
    name: 'Daily-Monthly-1yr-Retention',
    rules: [
      { name: 'DailyBackups', schedule: 'cron(0 5 ? * * *)', days: 35 },
      { name: 'MonthlyBackups', schedule: 'cron(0 5 1 * ? *)', days: 365 },
    ],
  },
  {
    id: 'daily-weekly-monthly-7yr-retention',
    name: 'Daily-Weekly-Monthly-7yr-Retention',
    rules: [
      { name: 'DailyBackups', schedule: 'cron(0 5 ? * * *)', days: 35 },
      { name: 'WeeklyBackups', schedule: 'cron(0 5 ? * 7 *)', days: 90 },
      { name: 'MonthlyBackups', schedule: 'cron(0 5 1 * ? *)', days: 2555 },
    ],
  },
  {
    id: 'hourly-daily-monthly-1yr-retention',
    name: 'Hourly-Daily-Monthly-1yr-Retention',
    rules: [
      { name: 'HourlyBackups', schedule: 'cron(0 * ? * * *)', days: 2 },
      { name: 'DailyBackups', schedule: 'cron(0 5 ? * * *)', days: 35 },
      { name: 'MonthlyBackups', schedule: 'cron(0 5 1 * ? *)', days: 365 },
    ],
  },
]

const DEFAULT_VAULT = 'Default'

export async function listBackupPlanTemplates(
  ctx: Context,
  input: ListBackupPlanTemplatesInput,
): Promise<ListBackupPlanTemplatesOutput> {
  const list = 'ListBackupPlanTemplates'
  const { limit, after } = pageOf(ctx, list, input)
  const [last = ''] = after ?? []
  const left = TEMPLATES.filter(({ id }) => id > last)
  const page = left.slice(0, limit)
  const end = page.at(-1)
  return {
    BackupPlanTemplatesList: page.map(({ id, name }) => ({
      BackupPlanTemplateId: id,
      BackupPlanTemplateName: name,
    })),
    NextToken: nextToken(ctx, list, end !== undefined && left.length > limit ? [end.id] : undefined),
  }
}

export async function getBackupPlanFromTemplate(
  _: Context,
  input: GetBackupPlanFromTemplateInput,
): Promise<GetBackupPlanFromTemplateOutput> {
  const template = TEMPLATES.find(({ id }) => id === input.BackupPlanTemplateId)
  if (template === undefined) {
    throw new ResourceNotFoundException(
      `Cannot find backup plan template ${input.BackupPlanTemplateId}. ListBackupPlanTemplates names all there are`,
      { Context: input.BackupPlanTemplateId },
    )
  }
  return {
    BackupPlanDocument: {
      BackupPlanName: template.name,
      Rules: template.rules.map(({ name, schedule, days }) => ({
        RuleName: name,
        TargetBackupVaultName: DEFAULT_VAULT,
        ScheduleExpression: schedule,
        ScheduleExpressionTimezone: 'Etc/UTC',
        StartWindowMinutes: 480,
        CompletionWindowMinutes: 10_080,
        Lifecycle: { DeleteAfterDays: days },
      })),
    },
  }
}

/** The plan as JSON that GetBackupPlanFromJSON reads. */
export async function exportBackupPlanTemplate(
  ctx: Context,
  input: ExportBackupPlanTemplateInput,
): Promise<ExportBackupPlanTemplateOutput> {
  const plan = documentOf(await planOf(ctx, input.BackupPlanId))
  return {
    BackupPlanTemplateJson: JSON.stringify(plan, (key, value: unknown) =>
      key === 'RuleId' ? undefined : value,
    ),
  }
}

/** Checks a plan's JSON as CreateBackupPlan would, and makes nothing. */
export async function getBackupPlanFromJson(
  ctx: Context,
  input: GetBackupPlanFromJSONInput,
): Promise<GetBackupPlanFromJSONOutput> {
  const document = await planDocument(ctx, planInput(parsePlanJson(input.BackupPlanTemplateJson)))
  return { BackupPlan: document }
}

/** @throws {InvalidParameterValueException} Where the text is no JSON. */
function parsePlanJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new InvalidParameterValueException(
      `BackupPlanTemplateJson cannot be read: ${(cause as Error).message}`,
      { Context: 'BackupPlanTemplateJson' },
    )
  }
}

/** JSON that came as text was not checked against the model. */
function planInput(parsed: unknown): BackupPlanInput {
  const refuse = (what: string): InvalidParameterValueException =>
    new InvalidParameterValueException(`BackupPlanTemplateJson is no backup plan: ${what}`, {
      Context: 'BackupPlanTemplateJson',
    })
  if (!isObject(parsed)) throw refuse('it is not an object')
  if (typeof parsed['BackupPlanName'] !== 'string') throw refuse('BackupPlanName is missing')
  const rules = parsed['Rules']
  if (!Array.isArray(rules)) throw refuse('Rules is missing')
  for (const [i, rule] of rules.entries()) {
    if (!isObject(rule)) throw refuse(`rule ${i + 1} is not an object`)
    for (const [key, type] of Object.entries(RULE_MEMBERS)) {
      const value = rule[key]
      if (value === undefined || value === null) continue
      const isRight =
        type === 'list' ? Array.isArray(value) : type === 'map' ? isObject(value) : typeof value === type
      if (!isRight) throw refuse(`${key} of rule ${i + 1} is no ${type}`)
    }
    const unknown = Object.keys(rule).find((key) => RULE_MEMBERS[key] === undefined)
    if (unknown !== undefined) throw refuse(`rule ${i + 1} has the unknown member "${unknown}"`)
    if (rule['RuleName'] === undefined || rule['TargetBackupVaultName'] === undefined)
      throw refuse(`rule ${i + 1} needs RuleName and TargetBackupVaultName`)
  }
  return parsed as unknown as BackupPlanInput
}

const RULE_MEMBERS: Readonly<Record<string, 'string' | 'number' | 'boolean' | 'list' | 'map'>> = {
  RuleId: 'string',
  RuleName: 'string',
  TargetBackupVaultName: 'string',
  TargetLogicallyAirGappedBackupVaultArn: 'string',
  ScheduleExpression: 'string',
  ScheduleExpressionTimezone: 'string',
  StartWindowMinutes: 'number',
  CompletionWindowMinutes: 'number',
  Lifecycle: 'map',
  RecoveryPointTags: 'map',
  CopyActions: 'list',
  EnableContinuousBackup: 'boolean',
  IndexActions: 'list',
  ScanActions: 'list',
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
