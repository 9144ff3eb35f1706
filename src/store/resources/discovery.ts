import { sql } from 'kysely'
import { UNFINISHED_STATES } from '../jobs/job-states.ts'
import type { Page, PageRequest } from '../page.ts'
import { InvalidCursorError, pageOf } from '../page.ts'
import type { DiscoveredTable, DiscoveryRoundTable, DiscoveryRuleTable } from './schema-discovery.ts'
import type { Queryable } from '../store.ts'

/** Discovery rules, their rounds, and what they found. */

type Owner = Pick<DiscoveryRuleTable, 'account_id' | 'region'>

export async function findDiscoveryRule(
  db: Queryable,
  owner: Owner,
  name: string,
): Promise<DiscoveryRuleTable | undefined> {
  return await rulesOf(db, owner).where('name', '=', name).executeTakeFirst()
}

/** By name: there are a few. */
export async function listDiscoveryRules(
  db: Queryable,
  owner: Owner,
): Promise<readonly DiscoveryRuleTable[]> {
  return await rulesOf(db, owner).orderBy('name').execute()
}

function rulesOf(db: Queryable, { account_id, region }: Owner) {
  return db
    .selectFrom('discovery_rule')
    .selectAll()
    .where('account_id', '=', account_id)
    .where('region', '=', region)
}

/** Puts it over the one of its name that has the version before. False where that was changed meanwhile. */
export async function putDiscoveryRule(db: Queryable, row: DiscoveryRuleTable): Promise<boolean> {
  if (row.version === 1) {
    const inserted = await db
      .insertInto('discovery_rule')
      .values(row)
      .onConflict((conflict) => conflict.columns(['account_id', 'region', 'name']).doNothing())
      .executeTakeFirst()
    return inserted.numInsertedOrUpdatedRows === 1n
  }
  const { settings, secret, version, document, role_arn, role_id } = row
  const updated = await db
    .updateTable('discovery_rule')
    .set({ settings, secret, version, document, role_arn, role_id })
    .where('rule_id', '=', row.rule_id)
    .where('version', '=', version - 1)
    .executeTakeFirst()
  return updated.numUpdatedRows === 1n
}

/** Its connection leads elsewhere now. */
export async function forgetDiscovered(db: Queryable, ruleId: string): Promise<void> {
  await db.deleteFrom('discovered').where('rule_id', '=', ruleId).execute()
}

/** With all that it found; what was registered stays so. Give it a transaction. */
export async function deleteDiscoveryRule(db: Queryable, ruleId: string): Promise<void> {
  await forgetDiscovered(db, ruleId)
  await db.deleteFrom('discovery_round').where('rule_id', '=', ruleId).execute()
  await db.deleteFrom('discovery_rule').where('rule_id', '=', ruleId).execute()
}

export async function discoveryRounds(
  db: Queryable,
  ruleIds: readonly string[],
): Promise<ReadonlyMap<string, DiscoveryRoundTable>> {
  if (ruleIds.length === 0) return new Map()
  const rows = await db.selectFrom('discovery_round').selectAll().where('rule_id', 'in', ruleIds).execute()
  return new Map(rows.map((row) => [row.rule_id, row]))
}

/** Makes a rule due now, whatever its interval. */
export async function makeDiscoveryDue(db: Queryable, ruleId: string, now: number): Promise<void> {
  await db
    .insertInto('discovery_round')
    .values(newRound(ruleId, now))
    .onConflict((conflict) => conflict.column('rule_id').doUpdateSet({ next_run_at: now }))
    .execute()
}

const newRound = (rule_id: string, next_run_at: number): DiscoveryRoundTable => ({
  rule_id,
  next_run_at,
  lease_owner: null,
  lease_until: 0,
  last_run_at: null,
  failed: 0,
  message: null,
})

/** A rule to work on until its lease ends. */
export interface ClaimedRule {
  readonly rule: DiscoveryRuleTable
  /** When it was due: a round that is asked for meanwhile is due still, once this one has ended. */
  readonly dueAt: number
}

/** Takes the rule that is due longest, of all accounts. Give it a transaction. */
export async function claimDiscovery(
  db: Queryable,
  lease: { readonly owner: string; readonly now: number; readonly until: number },
): Promise<ClaimedRule | undefined> {
  const { now } = lease
  const row = await db
    .selectFrom('discovery_rule')
    .leftJoin('discovery_round', 'discovery_round.rule_id', 'discovery_rule.rule_id')
    .selectAll('discovery_rule')
    .select('discovery_round.next_run_at as due_at')
    .where((eb) =>
      eb.or([
        eb('discovery_round.rule_id', 'is', null),
        eb.and([eb('discovery_round.next_run_at', '<=', now), eb('discovery_round.lease_until', '<=', now)]),
      ]),
    )
    .orderBy('discovery_round.next_run_at')
    .orderBy('discovery_rule.rule_id')
    .limit(1)
    .executeTakeFirst()
  if (row === undefined) return undefined
  const { due_at, ...rule } = row
  const held = { lease_owner: lease.owner, lease_until: lease.until }
  await db
    .insertInto('discovery_round')
    .values({ ...newRound(rule.rule_id, now), ...held })
    .onConflict((conflict) => conflict.column('rule_id').doUpdateSet(held))
    .execute()
  return { rule, dueAt: due_at ?? now }
}

/** Takes longer. False where the lease is another's by now, or the rule is gone. */
export async function extendDiscovery(
  db: Queryable,
  ruleId: string,
  lease: { readonly owner: string; readonly until: number },
): Promise<boolean> {
  const result = await db
    .updateTable('discovery_round')
    .set({ lease_until: lease.until })
    .where('rule_id', '=', ruleId)
    .where('lease_owner', '=', lease.owner)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** Ends a round and says how it went. A run that was asked for since it began stays due. */
export async function finishDiscovery(
  db: Queryable,
  { rule, dueAt }: ClaimedRule,
  end: {
    readonly owner: string
    readonly now: number
    readonly nextRunAt: number
    readonly failed: boolean
    readonly message: string
  },
): Promise<void> {
  await db
    .updateTable('discovery_round')
    .set((eb) => ({
      next_run_at: eb
        .case()
        .when('next_run_at', '>', dueAt)
        .then(eb.ref('next_run_at'))
        .else(end.nextRunAt)
        .end(),
      lease_owner: null,
      lease_until: 0,
      last_run_at: end.now,
      failed: end.failed ? 1 : 0,
      message: end.message,
    }))
    .where('rule_id', '=', rule.rule_id)
    .where('lease_owner', '=', end.owner)
    .execute()
}

/** When the next rule can be taken up; undefined where there is none. */
export async function nextDiscoveryAt(db: Queryable): Promise<number | undefined> {
  const row = await db
    .selectFrom('discovery_rule')
    .leftJoin('discovery_round', 'discovery_round.rule_id', 'discovery_rule.rule_id')
    .select(
      sql<number>`case when discovery_round.rule_id is null then 0
        when lease_until > next_run_at then lease_until else next_run_at end`.as('at'),
    )
    .orderBy('at')
    .limit(1)
    .executeTakeFirst()
  return row === undefined ? undefined : Number(row.at)
}

/** All that a rule found, by name. */
export async function discoveredBy(
  db: Queryable,
  ruleId: string,
): Promise<ReadonlyMap<string, DiscoveredTable>> {
  const rows = await db.selectFrom('discovered').selectAll().where('rule_id', '=', ruleId).execute()
  return new Map(rows.map((row) => [row.name, row]))
}

export async function findDiscovered(
  db: Queryable,
  ruleId: string,
  name: string,
): Promise<DiscoveredTable | undefined> {
  return await db
    .selectFrom('discovered')
    .selectAll()
    .where('rule_id', '=', ruleId)
    .where('name', '=', name)
    .executeTakeFirst()
}

export async function putDiscovered(db: Queryable, row: DiscoveredTable): Promise<void> {
  const { rule_id: _rule, name: _name, first_seen_at: _first, ...change } = row
  await db
    .insertInto('discovered')
    .values(row)
    .onConflict((conflict) => conflict.columns(['rule_id', 'name']).doUpdateSet(change))
    .execute()
}

/** Marks what was not seen in the round that began at `now`. */
export async function markVanished(db: Queryable, ruleId: string, now: number): Promise<number> {
  const result = await db
    .updateTable('discovered')
    .set({ vanished_at: now })
    .where('rule_id', '=', ruleId)
    .where('last_seen_at', '<', now)
    .where('vanished_at', 'is', null)
    .executeTakeFirst()
  return Number(result.numUpdatedRows)
}

/** By rule and name. */
export async function listDiscovered(
  db: Queryable,
  owner: Owner,
  ruleName: string | undefined,
  page: PageRequest,
): Promise<Page<DiscoveredTable & { readonly rule_name: string; readonly type: string }>> {
  let query = db
    .selectFrom('discovered')
    .innerJoin('discovery_rule', 'discovery_rule.rule_id', 'discovered.rule_id')
    .selectAll('discovered')
    .select(['discovery_rule.name as rule_name', 'discovery_rule.type as type'])
    .where('discovery_rule.account_id', '=', owner.account_id)
    .where('discovery_rule.region', '=', owner.region)
  if (ruleName !== undefined) query = query.where('discovery_rule.name', '=', ruleName)
  if (page.after !== undefined) {
    const [rule, name] = page.after
    if (page.after.length !== 2 || rule === undefined || name === undefined) throw new InvalidCursorError()
    query = query.where((eb) =>
      eb.or([
        eb('discovery_rule.name', '>', rule),
        eb.and([eb('discovery_rule.name', '=', rule), eb('discovered.name', '>', name)]),
      ]),
    )
  }
  const rows = await query
    .orderBy('discovery_rule.name')
    .orderBy('discovered.name')
    .limit(page.limit + 1)
    .execute()
  return pageOf(rows, page.limit, (row) => [row.rule_name, row.name])
}

/** What restores under way were told in their metadata: names among them are of things that are half made. */
export async function namesInRestores(db: Queryable, accountId: string): Promise<ReadonlySet<string>> {
  const rows = await db
    .selectFrom('job')
    .select('input')
    .where('account_id', '=', accountId)
    .where('kind', '=', 'restore')
    .where('state', 'in', UNFINISHED_STATES)
    .execute()
  const names = rows.flatMap(({ input }) =>
    Object.values(
      (JSON.parse(input) as { readonly metadata?: Readonly<Record<string, string>> }).metadata ?? {},
    ),
  )
  return new Set(names)
}

/** How a rule's last round went, and what it knows of. */
export interface DiscoveryMeasure {
  readonly account_id: string
  readonly region: string
  readonly name: string
  readonly failed: number
  readonly last_run_at: number | null
  readonly unregistered: number
}

export async function discoveryMeasures(db: Queryable, limit: number): Promise<readonly DiscoveryMeasure[]> {
  const rows = await db
    .selectFrom('discovery_rule')
    .leftJoin('discovery_round', 'discovery_round.rule_id', 'discovery_rule.rule_id')
    .select(['account_id', 'region', 'name', 'failed', 'last_run_at'])
    .select((eb) =>
      eb
        .selectFrom('discovered')
        .select((of) => of.fn.countAll<number>().as('count'))
        .whereRef('discovered.rule_id', '=', 'discovery_rule.rule_id')
        .where('status', '!=', 'REGISTERED')
        .where('vanished_at', 'is', null)
        .as('unregistered'),
    )
    .orderBy('account_id')
    .orderBy('region')
    .orderBy('name')
    .limit(limit)
    .execute()
  return rows.map(({ unregistered, failed, ...row }) => ({
    ...row,
    failed: failed ?? 0,
    unregistered: Number(unregistered),
  }))
}
