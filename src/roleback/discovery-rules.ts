import {
  InvalidParameterValueException,
  InvalidRequestException,
  LimitExceededException,
  ResourceNotFoundException,
} from '../aws/generated/roleback.ts'
import type {
  DeleteDiscoveryRuleInput,
  DiscoveryRule,
  ListDiscoveryRulesOutput,
  PutDiscoveryRuleInput,
  PutDiscoveryRuleOutput,
  StartDiscoveryInput,
  Tag,
} from '../aws/generated/roleback.ts'
import type { OperationContext } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { kindOfType } from '../kinds/kinds.ts'
import type { Kind } from '../kinds/kind.ts'
import { arnOf } from '../lib/arn.ts'
import { randomHex } from '../lib/ids.ts'
import { nameStart, templateProblem } from '../plans/discovery.ts'
import type { DiscoveryDocument } from '../plans/discovery.ts'
import {
  deleteDiscoveryRule as deleteRow,
  discoveryRounds,
  findDiscoveryRule,
  forgetDiscovered,
  listDiscoveryRules as listRows,
  makeDiscoveryDue,
  putDiscoveryRule as putRow,
} from '../store/resources/discovery.ts'
import type { DiscoveryRoundTable, DiscoveryRuleTable } from '../store/resources/schema-discovery.ts'
import { registrationContext } from './connection-keys.ts'
import { checkServer } from './connections.ts'
import type { Settings } from './connections.ts'
import { passedRole } from './jobs.ts'
import { SECRET_GOES_WITH, sealedSecret, tagsGiven, toConnection } from './resources.ts'

/**
 * Rules by which what lies behind a connection is found, and offered or registered. A rule holds a connection of its own and a role:
 * each round looks, and registers, as that role's session (discovery-round.ts).
 */

const MAX_RULES = 100
const HOUR_MINUTES = 60
/** What makes another place of a connection: names found at the one mean nothing at the other. */
const PLACE = ['host', 'port', 'endpoint', 'path'] as const

/** No ARN of AWS's: what policies, `aws:SourceArn` and `iam:AssociatedResourceArn` say of a rule. */
export function ruleArn(ctx: Pick<Context, 'region' | 'accountId'>, name: string): string {
  return arnOf('backup', ctx.region, ctx.accountId, `discovery-rule:${name}`)
}

/** Those of the registrations that it could lead to, but for what each thing found has of its own. */
export function ruleContext(_: Context, input: PutDiscoveryRuleInput): OperationContext {
  return { ...rightsContext(input), 'roleback:DiscoveryMode': input.Mode ?? 'OFFER' }
}

function rightsContext({ ResourceType, Connection, Tags }: PutDiscoveryRuleInput): OperationContext {
  const { Bucket: _bucket, ...connection } = Connection
  const { Path } = Connection
  const RestoreRoot = Connection.RestoreRoot ?? Path
  const { 'roleback:Bucket': _name, ...context } = registrationContext({
    ResourceType,
    Name: '',
    Connection: { ...connection, ...(RestoreRoot !== undefined && { RestoreRoot }) },
    Tags,
  })
  return context
}

export async function putDiscoveryRule(
  ctx: Context,
  input: PutDiscoveryRuleInput,
): Promise<PutDiscoveryRuleOutput> {
  const role = await passedRole(ctx, input.IamRoleArn, ruleArn(ctx, input.Name))
  const document = documentOf(input)
  if (document.mode === 'REGISTER') await mayRegisterAll(ctx, input, document)
  const before = await findDiscoveryRule(ctx.store.db, ownerOf(ctx), input.Name)
  if (before === undefined && (await listRows(ctx.store.db, ownerOf(ctx))).length >= MAX_RULES)
    throw new LimitExceededException(
      `An account has ${MAX_RULES} discovery rules in a region at most: delete one`,
    )
  if (before !== undefined && before.type !== input.ResourceType)
    throw new InvalidRequestException(
      `Discovery rule ${input.Name} is for ${before.type}: put one of another name for ${input.ResourceType}`,
    )
  const settings = await checkServer(ctx, input.ResourceType, input.Connection)
  const version = (before?.version ?? 0) + 1
  const ruleId = before?.rule_id ?? randomHex(16)
  const row: DiscoveryRuleTable = {
    account_id: ctx.accountId,
    region: ctx.region,
    name: input.Name,
    rule_id: ruleId,
    type: input.ResourceType,
    settings: JSON.stringify(settings),
    secret: secretOf(ctx, input, settings, before, { ruleId, version }),
    version,
    document: JSON.stringify(document),
    role_arn: input.IamRoleArn,
    role_id: role.role_id,
    created_at: before?.created_at ?? ctx.now,
    created_by: before?.created_by ?? ctx.principal.arn,
  }
  await ctx.store.transaction(async (tx) => {
    if (!(await putRow(tx, row)))
      throw new InvalidRequestException(
        `Discovery rule ${row.name} was changed by somebody else at the same time. Look at it and try again`,
      )
    if (before !== undefined && PLACE.some((key) => settingsOf(before)[key] !== settings[key]))
      await forgetDiscovered(tx, ruleId)
    await makeDiscoveryDue(tx, ruleId, ctx.now)
  })
  const rounds = await discoveryRounds(ctx.store.db, [ruleId])
  return { DiscoveryRule: toRule(row, rounds.get(ruleId)) }
}

/** Nobody has things registered by a rule that he may not register himself. */
async function mayRegisterAll(
  ctx: Context,
  input: PutDiscoveryRuleInput,
  { nameTemplate }: DiscoveryDocument,
): Promise<void> {
  const kind = kindOfType(input.ResourceType) as Kind
  const name = input.ResourceType === 'EFS' ? 'fs-' : nameStart(nameTemplate)
  const { 'roleback:Path': _path, ...context } = rightsContext(input)
  const access = await ctx.ask({
    action: 'roleback:RegisterResource',
    resource: kind.resourceArn({ region: ctx.region, accountId: ctx.accountId, name }),
    context,
    below: { ownKeys: ['roleback:Path', 'roleback:Bucket'] },
    remark:
      'A discovery rule in the mode REGISTER takes the right to register everything that it could find. OFFER does not',
  })
  if (!access.allowed) throw access.refusal
}

function documentOf(input: PutDiscoveryRuleInput): DiscoveryDocument {
  const nameTemplate = input.NameTemplate ?? '{name}'
  const problem = templateProblem(nameTemplate)
  if (problem !== undefined) throw invalid('NameTemplate', problem)
  const include = input.Include ?? ['*']
  if (include.length === 0) throw invalid('Include', 'an empty list means nothing: leave it away for all')
  return {
    include,
    exclude: input.Exclude ?? [],
    mode: input.Mode ?? 'OFFER',
    nameTemplate,
    // The tag Name is the name of each thing itself.
    tags: tagsGiven({ ResourceType: 'RDS', Name: '', Tags: input.Tags }),
    intervalMinutes: input.IntervalMinutes ?? HOUR_MINUTES,
  }
}

function secretOf(
  ctx: Context,
  input: PutDiscoveryRuleInput,
  settings: Settings,
  before: DiscoveryRuleTable | undefined,
  at: { readonly ruleId: string; readonly version: number },
): string | null {
  if (input.ResourceType === 'EFS') return null
  const given = sealedSecret(ctx, at.ruleId, at.version, input)
  if (given !== null) return given
  const old = before === undefined ? undefined : settingsOf(before)
  const changed = SECRET_GOES_WITH.filter((key) => old !== undefined && old[key] !== settings[key])
  if (before === undefined || before.secret === null || changed.length > 0)
    throw new InvalidRequestException(
      changed.length > 0
        ? `Changing ${changed.join(', ')} of discovery rule ${input.Name} needs the secret again: the stored one was given for the old settings`
        : `A discovery rule for ${input.ResourceType} needs the secret that its connection opens with`,
    )
  const plain = ctx.serverKey.open('connection', `${before.rule_id} ${before.version}`, before.secret)
  return ctx.serverKey.seal('connection', `${at.ruleId} ${at.version}`, plain)
}

export async function listDiscoveryRules(ctx: Context): Promise<ListDiscoveryRulesOutput> {
  const rows = await listRows(ctx.store.db, ownerOf(ctx))
  const rounds = await discoveryRounds(
    ctx.store.db,
    rows.map(({ rule_id }) => rule_id),
  )
  return { DiscoveryRules: rows.map((row) => toRule(row, rounds.get(row.rule_id))) }
}

export async function deleteDiscoveryRule(
  ctx: Context,
  { Name }: DeleteDiscoveryRuleInput,
): Promise<Record<string, never>> {
  const rule = await ruleNamed(ctx, Name)
  await ctx.store.transaction((tx) => deleteRow(tx, rule.rule_id))
  return {}
}

/** Makes it due: whichever server is first takes it up. */
export async function startDiscovery(
  ctx: Context,
  { Name }: StartDiscoveryInput,
): Promise<Record<string, never>> {
  const rule = await ruleNamed(ctx, Name)
  await makeDiscoveryDue(ctx.store.db, rule.rule_id, ctx.clock.now())
  return {}
}

/** @throws {ResourceNotFoundException} */
export async function ruleNamed(ctx: Context, name: string): Promise<DiscoveryRuleTable> {
  const rule = await findDiscoveryRule(ctx.store.db, ownerOf(ctx), name)
  if (rule === undefined)
    throw new ResourceNotFoundException(`There is no discovery rule ${name}`, { Context: name })
  return rule
}

export const ownerOf = (ctx: Context): { readonly account_id: string; readonly region: string } => ({
  account_id: ctx.accountId,
  region: ctx.region,
})

export function settingsOf(rule: Pick<DiscoveryRuleTable, 'settings'>): Settings {
  return JSON.parse(rule.settings) as Settings
}

function toRule(row: DiscoveryRuleTable, round: DiscoveryRoundTable | undefined): DiscoveryRule {
  const document = JSON.parse(row.document) as DiscoveryDocument
  return {
    Name: row.name,
    DiscoveryRuleArn: ruleArn({ accountId: row.account_id, region: row.region }, row.name),
    ResourceType: row.type as DiscoveryRule['ResourceType'],
    Connection: toConnection(row),
    IamRoleArn: row.role_arn,
    Mode: document.mode,
    Include: [...document.include],
    Exclude: [...document.exclude],
    NameTemplate: document.nameTemplate,
    Tags: Object.entries(document.tags).map(([Key, Value]): Tag => ({ Key, Value })),
    IntervalMinutes: document.intervalMinutes,
    CreationDate: new Date(row.created_at),
    CreatedBy: row.created_by,
    LastRunAt: dateOf(round?.last_run_at),
    LastRunFailed: round?.last_run_at == null ? undefined : round.failed === 1,
    LastRunMessage: round?.message ?? undefined,
    NextRunAt: dateOf(round?.next_run_at),
  }
}

function dateOf(at: number | null | undefined): Date | undefined {
  return at == null ? undefined : new Date(at)
}

function invalid(member: string, reason: string): InvalidParameterValueException {
  return new InvalidParameterValueException(`Cannot put this discovery rule: ${reason}`, { Context: member })
}
