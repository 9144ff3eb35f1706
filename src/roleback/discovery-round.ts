import { assumeForService } from '../access/assume.ts'
import { BACKUP_SERVICE } from '../access/passed-role.ts'
import type { Principal } from '../access/principal.ts'
import { AwsError } from '../aws/error.ts'
import type { Context } from '../context.ts'
import type { Kind, ResourceType } from '../kinds/kind.ts'
import { kindOfType } from '../kinds/kinds.ts'
import { isMeant } from '../plans/discovery.ts'
import type { DiscoveryDocument } from '../plans/discovery.ts'
import { discoveredBy, markVanished, namesInRestores, putDiscovered } from '../store/resources/discovery.ts'
import { allResourcesOfType } from '../store/resources/resources.ts'
import type { DiscoveredTable, DiscoveryRuleTable } from '../store/resources/schema-discovery.ts'
import type { ResourceTable } from '../store/schema.ts'
import type { Queryable } from '../store/store.ts'
import type { Settings } from './connections.ts'
import { pathTo, registerFound } from './discovered.ts'
import { ruleArn, settingsOf } from './discovery-rules.ts'
import { askWorker } from './worker-answer.ts'

/**
 * One look behind a connection. Each step is a session of the rule's role, assumed anew: it must be allowed to list, and to register
 * each thing, by the same gate and checks as anybody's call. What is gone at the source is marked; nothing is ever taken away.
 */

/** The context of a call that the server itself makes in somebody's name: decided and recorded as any other. */
export type ActAs = (principal: Principal, region: string) => Context

export interface RoundResult {
  readonly failed: boolean
  readonly message: string
}

/** How long the source has for its list, in milliseconds. */
const PATIENCE_MS = 60_000

interface Found {
  readonly names: readonly string[]
  readonly isCut: boolean
}

interface Round {
  readonly rule: DiscoveryRuleTable
  readonly document: DiscoveryDocument
  readonly now: number
  /** What was known of each name before. */
  readonly known: ReadonlyMap<string, DiscoveredTable>
  /** Resources of the account that lie at the rule's place, by their names there. */
  readonly registered: ReadonlyMap<string, ResourceTable>
  readonly halfMade: ReadonlySet<string>
}

/**
 * @param keepOn Asked before each thing; false ends the round: another server works on the rule, or this one stops.
 * @throws {AwsError} Where the role may not be assumed or may not list, or the source does not answer.
 */
export async function runDiscoveryRound(
  db: Queryable,
  rule: DiscoveryRuleTable,
  actAs: ActAs,
  keepOn: () => Promise<boolean>,
  now: number,
): Promise<RoundResult> {
  const open = (at: number) => openSession(db, rule, actAs, at)
  const ctx = await open(now)
  const { action, resource } = listing(rule)
  await ctx.authorize(action, resource)
  const found = await listBehind(ctx, rule)
  const document = JSON.parse(rule.document) as DiscoveryDocument
  const known = await discoveredBy(db, rule.rule_id)
  const round: Round = {
    rule,
    document,
    now,
    known,
    registered: await registeredAt(db, rule),
    halfMade: await namesInRestores(db, rule.account_id),
  }
  const count = { found: 0, registered: 0, refused: 0 }
  for (const name of found.names) {
    const isWanted = isMeant(document, name)
    if (!isWanted && !known.has(name)) continue
    if (!(await keepOn())) return { failed: true, message: 'The round was cut off; it begins again' }
    const row = await lookAt(round, name, isWanted, () => open(ctx.clock.now()))
    await putDiscovered(db, row)
    count.found++
    if (row.status === 'REGISTERED' && known.get(name)?.status !== 'REGISTERED') count.registered++
    if (row.status === 'REFUSED') count.refused++
  }
  // Of a list that was cut nobody knows what is missing.
  const vanished = found.isCut ? 0 : await markVanished(db, rule.rule_id, now)
  const more = found.isCut
    ? `. There are more than ${found.names.length}, and the others were not looked at`
    : ''
  const message = `${count.found} found, ${count.registered} newly registered, ${count.refused} refused, ${vanished} vanished${more}`
  return { failed: false, message }
}

/** Looks at one name and, where the rule says so, registers it. */
async function lookAt(
  round: Round,
  name: string,
  isWanted: boolean,
  open: () => Promise<Context>,
): Promise<DiscoveredTable> {
  const { rule, document, now } = round
  const before = round.known.get(name)
  const row: DiscoveredTable = {
    rule_id: rule.rule_id,
    name,
    status: 'DISCOVERED',
    resource_arn: before?.resource_arn ?? null,
    resource_unique_id: before?.resource_unique_id ?? null,
    message: null,
    first_seen_at: before?.first_seen_at ?? now,
    last_seen_at: now,
    vanished_at: null,
  }
  const resource = round.registered.get(name)
  if (resource !== undefined) return { ...row, ...registeredAs(resource.arn, resource.unique_id) }
  // Somebody took it away on purpose: no rule brings it back.
  if (before?.status === 'REGISTERED' || before?.status === 'DEREGISTERED')
    return {
      ...row,
      status: 'DEREGISTERED',
      message: 'It was deregistered, so no round registers it again: "roleback discovery register" does',
    }
  if (round.halfMade.has(name))
    return {
      ...row,
      message: 'A restore that is under way names it: it is looked at again when that has ended',
    }
  if (document.mode === 'OFFER' || !isWanted) return row
  return await tryToRegister(rule, row, open)
}

async function tryToRegister(
  rule: DiscoveryRuleTable,
  row: DiscoveredTable,
  open: () => Promise<Context>,
): Promise<DiscoveredTable> {
  const ctx = await open()
  try {
    const { ResourceArn, ResourceId } = await registerFound(ctx, rule, row.name)
    ctx.log.info('discovered and registered', { rule: rule.name, found: row.name, resource: ResourceArn })
    return { ...row, ...registeredAs(ResourceArn, ResourceId) }
  } catch (error) {
    if (!(error instanceof AwsError)) throw error
    ctx.log.warn('what was discovered could not be registered', {
      rule: rule.name,
      found: row.name,
      reason: error.message,
    })
    return { ...row, status: 'REFUSED', message: error.message }
  }
}

function registeredAs(
  arn: string,
  id: string,
): Pick<DiscoveredTable, 'status' | 'resource_arn' | 'resource_unique_id'> {
  return { status: 'REGISTERED', resource_arn: arn, resource_unique_id: id }
}

function listing({ type, region, account_id }: DiscoveryRuleTable): ReturnType<Kind['discover']> {
  return (kindOfType(type) as Kind).discover({ region, accountId: account_id })
}

/** Role and trust are asked at each step; the session can do nothing but look, and register what the rule could mean. */
async function openSession(
  db: Queryable,
  rule: DiscoveryRuleTable,
  actAs: ActAs,
  now: number,
): Promise<Context> {
  const { account_id: accountId, region } = rule
  const sourceArn = ruleArn({ accountId, region }, rule.name)
  const assumed = await assumeForService(
    db,
    { roleId: rule.role_id, roleArn: rule.role_arn },
    { service: BACKUP_SERVICE, sourceAccount: accountId, sourceArn, now },
  )
  if (!assumed.ok) {
    throw new AwsError(
      'AccessDeniedException',
      403,
      `IAM Role ${rule.role_arn} cannot be assumed by AWS Backup: ${assumed.reason}`,
    )
  }
  const { session } = assumed
  if (session.session === undefined) throw new Error('A service has no session under a role')
  const scoped = { ...session, session: { ...session.session, policies: [scopeOf(rule)] } }
  return actAs(scoped, region)
}

function scopeOf(rule: DiscoveryRuleTable): string {
  const kind = kindOfType(rule.type) as Kind
  const { action, resource } = listing(rule)
  const all = kind.resourceArn({ region: rule.region, accountId: rule.account_id, name: '*' })
  const statements = [
    { Effect: 'Allow', Action: action, Resource: resource },
    { Effect: 'Allow', Action: 'roleback:RegisterResource', Resource: all },
  ]
  return JSON.stringify({ Version: '2012-10-17', Statement: statements })
}

async function listBehind(ctx: Context, rule: DiscoveryRuleTable): Promise<Found> {
  const { rule_id: uniqueId, version, type, secret } = rule
  const settings = settingsOf(rule)
  const answer = await askWorker(ctx, {
    kind: 'discover',
    about: {
      resource_arn: ruleArn(ctx, rule.name),
      resource_type: type,
      input: JSON.stringify({ uniqueId, version, type, settings, secret }),
    },
    patienceMs: PATIENCE_MS,
    failed: `What is behind the connection of discovery rule ${rule.name} cannot be listed`,
    late: `What is behind the connection of discovery rule ${rule.name} was not listed`,
  })
  return answer as Found
}

/** What of the rule's place is a resource of its account already, by its name there. */
async function registeredAt(
  db: Queryable,
  rule: DiscoveryRuleTable,
): Promise<ReadonlyMap<string, ResourceTable>> {
  const place = settingsOf(rule)
  const all = await allResourcesOfType(db, rule.type as ResourceType)
  const found = new Map<string, ResourceTable>()
  for (const resource of all) {
    if (resource.account_id !== rule.account_id) continue
    const name = nameAt(rule, place, JSON.parse(resource.settings) as Settings)
    if (name !== undefined) found.set(name, resource)
  }
  return found
}

function nameAt(rule: DiscoveryRuleTable, place: Settings, theirs: Settings): string | undefined {
  if (rule.type === 'EFS') {
    const path = String(theirs['path'])
    const name = path.slice(path.lastIndexOf('/') + 1)
    return path === pathTo(rule, name) ? name : undefined
  }
  const [keys, name] =
    rule.type === 'RDS' ? ([['host', 'port'], 'database'] as const) : ([['endpoint'], 'bucket'] as const)
  return keys.every((key) => theirs[key] === place[key]) ? String(theirs[name]) : undefined
}
