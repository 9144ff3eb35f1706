/**
 * The controls of a framework: what each looks at, what may be set, and how it is limited. Names and parameters are AWS's.
 *
 * Source: AWS Backup developer guide, "Controls and remediation" and "Creating frameworks using the AWS Backup API"; the parameters of
 * the AWS Config rules of the same names.
 */

/** As CreateFramework takes it and DescribeFramework gives it. */
export interface FrameworkControl {
  readonly ControlName: string
  readonly ControlInputParameters?: readonly ControlParameter[] | undefined
  readonly ControlScope?: ControlScope | undefined
}

export interface ControlParameter {
  readonly ParameterName?: string | undefined
  readonly ParameterValue?: string | undefined
}

export interface ControlScope {
  readonly ComplianceResourceIds?: readonly string[] | undefined
  readonly ComplianceResourceTypes?: readonly string[] | undefined
  readonly Tags?: Readonly<Record<string, string>> | undefined
}

export type Subject = 'resource' | 'plan' | 'vault' | 'recovery point'

type ParameterForm =
  | { readonly kind: 'number'; readonly min: number; readonly max: number }
  | { readonly kind: 'unit' }
  | { readonly kind: 'list'; readonly of: string; readonly form: RegExp; readonly max: number }

export interface ControlKind {
  readonly subject: Subject
  /** What a scope may name. */
  readonly scope: readonly (keyof ControlScope)[]
  readonly parameters: Readonly<Record<string, { readonly form: ParameterForm; readonly fallback?: string }>>
}

const days = (fallback?: string): ControlKind['parameters'][string] => ({
  form: { kind: 'number', min: 1, max: 36_500 },
  ...(fallback !== undefined && { fallback }),
})
const UNIT = { form: { kind: 'unit' }, fallback: 'days' } as const
const EVERYTHING = ['ComplianceResourceIds', 'ComplianceResourceTypes', 'Tags'] as const
/** Plans and vaults have one type; AWS's own samples name it beside their ids. */
const OF_BACKUP = EVERYTHING

export const CONTROLS: Readonly<Record<string, ControlKind>> = {
  BACKUP_RESOURCES_PROTECTED_BY_BACKUP_PLAN: { subject: 'resource', scope: EVERYTHING, parameters: {} },
  BACKUP_PLAN_MIN_FREQUENCY_AND_MIN_RETENTION_CHECK: {
    subject: 'plan',
    scope: OF_BACKUP,
    parameters: {
      requiredFrequencyUnit: UNIT,
      requiredFrequencyValue: { form: { kind: 'number', min: 1, max: 31 }, fallback: '1' },
      requiredRetentionDays: days('35'),
    },
  },
  BACKUP_RECOVERY_POINT_MANUAL_DELETION_DISABLED: {
    subject: 'vault',
    scope: OF_BACKUP,
    parameters: {
      principalArnList: {
        form: { kind: 'list', of: 'ARNs of IAM roles', form: /^arn:aws:iam::\d{12}:role\/\S+$/, max: 5 },
      },
    },
  },
  BACKUP_RECOVERY_POINT_ENCRYPTED: { subject: 'recovery point', scope: ['Tags'], parameters: {} },
  BACKUP_RECOVERY_POINT_MINIMUM_RETENTION_CHECK: {
    subject: 'recovery point',
    scope: ['Tags'],
    parameters: { requiredRetentionDays: days('35') },
  },
  BACKUP_RESOURCES_PROTECTED_BY_CROSS_REGION: {
    subject: 'resource',
    scope: EVERYTHING,
    parameters: {
      crossRegionList: { form: { kind: 'list', of: 'regions', form: /^[a-z][a-z0-9-]{1,62}$/, max: 50 } },
    },
  },
  BACKUP_RESOURCES_PROTECTED_BY_CROSS_ACCOUNT: {
    subject: 'resource',
    scope: EVERYTHING,
    parameters: {
      crossAccountList: { form: { kind: 'list', of: 'account ids', form: /^\d{12}$/, max: 5 } },
    },
  },
  BACKUP_RESOURCES_PROTECTED_BY_BACKUP_VAULT_LOCK: {
    subject: 'resource',
    scope: EVERYTHING,
    parameters: { minRetentionDays: days(), maxRetentionDays: days() },
  },
  BACKUP_LAST_RECOVERY_POINT_CREATED: {
    subject: 'resource',
    scope: EVERYTHING,
    parameters: {
      recoveryPointAgeUnit: UNIT,
      recoveryPointAgeValue: { form: { kind: 'number', min: 1, max: 744 }, fallback: '1' },
    },
  },
  RESTORE_TIME_FOR_RESOURCES_MEET_TARGET: {
    subject: 'resource',
    scope: EVERYTHING,
    parameters: { maxRestoreTime: { form: { kind: 'number', min: 1, max: 525_600 }, fallback: '720' } },
  },
  RESOURCES_IN_LOGICALLY_AIR_GAPPED_VAULT: {
    subject: 'resource',
    scope: EVERYTHING,
    parameters: {
      recoveryPointAgeUnit: UNIT,
      recoveryPointAgeValue: { form: { kind: 'number', min: 1, max: 2_184 }, fallback: '7' },
    },
  },
}

/** Of a number with a unit: the range that AWS gives for each. */
const UNIT_RANGES: Readonly<Record<string, Readonly<Record<'days' | 'hours', readonly [number, number]>>>> = {
  BACKUP_PLAN_MIN_FREQUENCY_AND_MIN_RETENTION_CHECK: { days: [1, 31], hours: [1, 24] },
  BACKUP_LAST_RECOVERY_POINT_CREATED: { days: [1, 31], hours: [1, 744] },
  RESOURCES_IN_LOGICALLY_AIR_GAPPED_VAULT: { days: [1, 91], hours: [24, 2_184] },
}

/** AWS Config's names of what a control looks at; a scope may use them or AWS Backup's own (`EFS`). */
export const CONFIG_TYPES: Readonly<Record<string, string>> = {
  EFS: 'AWS::EFS::FileSystem',
  RDS: 'AWS::RDS::DBInstance',
  S3: 'AWS::S3::Bucket',
  plan: 'AWS::Backup::BackupPlan',
  vault: 'AWS::Backup::BackupVault',
  'recovery point': 'AWS::Backup::RecoveryPoint',
}
const RESOURCE_TYPES = ['EFS', 'RDS', 'S3']

/** What is wrong with a control; undefined where nothing is. No final period. */
export function controlProblem(control: FrameworkControl): string | undefined {
  const kind = CONTROLS[control.ControlName]
  if (kind === undefined)
    return `Control "${control.ControlName}" is not known. Known: ${Object.keys(CONTROLS).join(', ')}`
  return parameterProblem(control, kind) ?? scopeProblem(control, kind)
}

function parameterProblem(control: FrameworkControl, kind: ControlKind): string | undefined {
  const { ControlName: name, ControlInputParameters: given = [] } = control
  const known = Object.keys(kind.parameters)
  const seen = new Set<string>()
  for (const { ParameterName = '', ParameterValue = '' } of given) {
    const parameter = kind.parameters[ParameterName]
    if (parameter === undefined) {
      const takes = known.length === 0 ? 'it takes none' : `it takes ${known.join(', ')}`
      return `Control ${name} has no input parameter "${ParameterName}": ${takes}`
    }
    if (seen.has(ParameterName)) return `Control ${name} has the input parameter ${ParameterName} twice`
    seen.add(ParameterName)
    const problem = valueProblem(parameter.form, ParameterValue)
    if (problem !== undefined) return `Input parameter ${ParameterName} of control ${name} must be ${problem}`
  }
  return rangeProblem(control)
}

function valueProblem(form: ParameterForm, value: string): string | undefined {
  if (form.kind === 'unit') return value === 'days' || value === 'hours' ? undefined : '"days" or "hours"'
  if (form.kind === 'number') {
    const isIn = /^\d{1,9}$/.test(value) && Number(value) >= form.min && Number(value) <= form.max
    return isIn ? undefined : `a whole number from ${form.min} to ${form.max}; it is "${value.slice(0, 100)}"`
  }
  const parts = listOf(value)
  const odd = parts.find((part) => !form.form.test(part))
  if (odd !== undefined) return `${form.of}, separated by commas; "${odd.slice(0, 200)}" is none`
  return parts.length > form.max || parts.length === 0 ? `1 to ${form.max} ${form.of}` : undefined
}

function rangeProblem(control: FrameworkControl): string | undefined {
  const ranges = UNIT_RANGES[control.ControlName]
  const least = parameterOf(control, 'minRetentionDays')
  const most = parameterOf(control, 'maxRetentionDays')
  if (least !== undefined && most !== undefined && Number(least) > Number(most))
    return `Input parameter minRetentionDays of control ${control.ControlName} is more than maxRetentionDays`
  if (ranges === undefined) return undefined
  const isPlan = control.ControlName.startsWith('BACKUP_PLAN')
  const [unitName, valueName] = isPlan
    ? ['requiredFrequencyUnit', 'requiredFrequencyValue']
    : ['recoveryPointAgeUnit', 'recoveryPointAgeValue']
  const unit = parameterOf(control, unitName) as 'days' | 'hours'
  const value = Number(parameterOf(control, valueName))
  const [min, max] = ranges[unit]
  if (value >= min && value <= max) return undefined
  return `Input parameter ${valueName} of control ${control.ControlName} must be ${min} to ${max} ${unit}; it is ${value}`
}

function scopeProblem(
  { ControlName, ControlScope }: FrameworkControl,
  kind: ControlKind,
): string | undefined {
  const scope = ControlScope ?? {}
  for (const member of EVERYTHING) {
    const value = scope[member]
    const isGiven = Array.isArray(value) ? value.length > 0 : Object.keys(value ?? {}).length > 0
    if (isGiven && !kind.scope.includes(member))
      return `ControlScope of control ${ControlName} cannot have ${member}: it takes ${kind.scope.join(', ')}`
  }
  if (Object.keys(scope.Tags ?? {}).length > 1)
    return `ControlScope of control ${ControlName} can have one tag only`
  const known =
    kind.subject === 'resource'
      ? RESOURCE_TYPES.flatMap((type) => [type, CONFIG_TYPES[type] as string])
      : [CONFIG_TYPES[kind.subject] as string]
  const odd = scope.ComplianceResourceTypes?.find((type) => !known.includes(type))
  if (odd === undefined) return undefined
  return `Resource type "${odd}" is not supported for control ${ControlName}. Supported: ${known.join(', ')}`
}

/** A parameter's value or what it is where nobody set it; undefined where it then means nothing. */
export function parameterOf(control: FrameworkControl, name: string): string | undefined {
  const given = control.ControlInputParameters?.find(({ ParameterName }) => ParameterName === name)
  return given?.ParameterValue ?? CONTROLS[control.ControlName]?.parameters[name]?.fallback
}

/** The parts of a value that is a list, without the blanks around them. */
export function listOf(value: string | undefined): readonly string[] {
  return (value ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

/** A number with a unit, in milliseconds. */
export function periodMs(control: FrameworkControl, unitName: string, valueName: string): number {
  const hours = parameterOf(control, unitName) === 'hours' ? 1 : 24
  return Number(parameterOf(control, valueName)) * hours * 3_600_000
}

/** Whether a control looks at something of this type, name, ARN and tags at all. */
export function isInScope(
  { ControlScope: scope }: FrameworkControl,
  one: {
    readonly type: string
    readonly name: string
    readonly arn: string
    readonly tags: Readonly<Record<string, string>>
  },
): boolean {
  const { ComplianceResourceIds: ids = [], ComplianceResourceTypes: types = [], Tags = {} } = scope ?? {}
  const config = CONFIG_TYPES[one.type] ?? one.type
  if (types.length > 0 && !types.includes(one.type) && !types.includes(config)) return false
  const names = [one.name, one.arn, `${config}/${one.name}`]
  if (ids.length > 0 && !ids.some((id) => names.includes(id))) return false
  // An empty value stands for any.
  return Object.entries(Tags).every(
    ([key, value]) => Object.hasOwn(one.tags, key) && (value === '' || one.tags[key] === value),
  )
}
