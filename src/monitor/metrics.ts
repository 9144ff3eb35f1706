import { countEventsSetAside } from '../store/events/events.ts'
import { findIdentityExport } from '../store/identity/identity-export.ts'
import type { JobKind } from '../store/schema.ts'
import {
  allPlans,
  heldMeasures,
  jobTotals,
  oldestDueAt,
  resourceMeasures,
  runTotals,
  targetMeasures,
  vaultMeasures,
} from '../store/points/measures.ts'
import type { JobTotals, VaultMeasure } from '../store/points/measures.ts'
import { discoveryMeasures } from '../store/resources/discovery.ts'
import { newestTests, undeletedTests } from '../store/plans/restore-tests.ts'
import type { Store } from '../store/store.ts'
import type { Family, Sample } from './exposition.ts'
import { MAX_PLANS, objectives } from './objectives.ts'
import type { Objective } from './objectives.ts'

/** Series of one family; beyond it none is added, and `roleback_series_left_out` says how many things were not told of. */
const MAX_SERIES = 10_000

const SECOND = 1_000

/** Requests refused since the start, by kind and account. */
export type Throttled = Readonly<Record<string, ReadonlyMap<string, number>>>

/** What the operator's monitoring reads: of all accounts, names and numbers, no secret among them. */
export async function collectMetrics(
  store: Store,
  { version, throttled }: { readonly version: string; readonly throttled: Throttled },
  now: number,
): Promise<readonly Family[]> {
  const { db } = store
  const resources = await resourceMeasures(db, MAX_SERIES + 1)
  const vaults = await vaultMeasures(db, MAX_SERIES + 1)
  const held = await heldMeasures(db)
  const jobs = await jobTotals(db)
  const promised = byResource(await objectives(db, resources.slice(0, MAX_SERIES), now))
  const oldest = await oldestDueAt(db, now)
  const plans = new Map((await allPlans(db, MAX_PLANS)).map((plan) => [plan.plan_id, plan]))
  const runs = (await runTotals(db)).filter(({ planId }) => plans.has(planId))
  const tested = await newestTests(db, 'good', MAX_SERIES + 1)
  const judged = await newestTests(db, 'judged', MAX_SERIES + 1)
  const undeleted = await undeletedTests(db)
  const exported = await findIdentityExport(db)
  const targets = await targetMeasures(db, MAX_SERIES + 1)
  const setAside = await countEventsSetAside(db)
  const rules = await discoveryMeasures(db, MAX_SERIES + 1)
  const families: Family[] = [
    gauge('roleback_build_info', 'Always 1; the version is a label.', [{ labels: { version }, value: 1 }]),
    gauge(
      'roleback_resource_last_success_timestamp_seconds',
      'When the last backup job of the resource that went well ended; 0 where none ever did.',
      resources.map(({ account_id, arn, type, last_success_at }) => ({
        labels: { account_id, resource_arn: arn, resource_type: type },
        value: (last_success_at ?? 0) / SECOND,
      })),
    ),
    gauge(
      'roleback_resource_rpo_breached',
      'Whether the newest recovery point of a planned resource is older than its plans promise: 1 or 0.',
      promised.map(({ labels, isBreached }) => ({ labels, value: isBreached ? 1 : 0 })),
    ),
    gauge('roleback_jobs', 'Jobs by kind and state.', jobs.map(jobSample(({ count }) => count))),
    counter(
      'roleback_backup_bytes_total',
      'Content bytes that backup jobs have read.',
      bytesOf(jobs, 'backup'),
    ),
    counter(
      'roleback_restore_bytes_total',
      'Content bytes that restore jobs have written.',
      bytesOf(jobs, 'restore'),
    ),
    counter('roleback_copy_bytes_total', 'Content bytes that copy jobs have copied.', bytesOf(jobs, 'copy')),
    gauge(
      'roleback_oldest_queued_job_age_seconds',
      'For how long the job has been due that waits longest; 0 where none waits.',
      [{ value: oldest === undefined ? 0 : (now - oldest) / SECOND }],
    ),
    gauge(
      'roleback_vault_stored_bytes',
      'Bytes that a vault holds, as last measured.',
      vaults.map(({ account_id, region, name, stored_bytes }) => ({
        labels: { account_id, region, vault: name },
        value: stored_bytes,
      })),
    ),
    gauge(
      'roleback_vault_recovery_points',
      'Recovery points of a vault.',
      vaults.map(({ account_id, region, name, points }) => ({
        labels: { account_id, region, vault: name },
        value: points,
      })),
    ),
    ...vaultHealth(vaults),
    gauge(
      'roleback_vault_held_deletions',
      'Recovery points past their retention that stay until somebody approves: by cause.',
      held.map(({ account_id, region, vault_name, cause, points }) => ({
        labels: { account_id, region, vault: vault_name, cause },
        value: points,
      })),
    ),
    gauge(
      'roleback_plan_last_run_timestamp_seconds',
      'When a plan last made jobs; 0 where it never did.',
      [...plans.values()].map(({ account_id, plan_id, name, last_run_at }) => ({
        labels: { account_id, plan_id, plan: name },
        value: (last_run_at ?? 0) / SECOND,
      })),
    ),
    gauge(
      'roleback_plan_runs',
      'What became of the runs of a plan that are kept, of 400 days; MISSED ones are the ones to look at.',
      runs.map(({ planId, outcome, count }) => ({
        labels: { account_id: plans.get(planId)?.account_id ?? '', plan_id: planId, outcome },
        value: count,
      })),
    ),
    counter(
      'roleback_requests_throttled_total',
      'Requests that this server refused since its start, because too many of their account waited.',
      Object.entries(throttled).flatMap(([kind, counts]) =>
        [...counts].map(([account_id, value]) => ({ labels: { account_id, kind }, value })),
      ),
    ),
    gauge(
      'roleback_events_set_aside',
      'Events that could not be read: in no audit trail, and told to nobody.',
      [{ value: setAside }],
    ),
    gauge(
      'roleback_event_target_owed_messages',
      'Messages that an event target is to be told and has not taken.',
      targets.map(({ account_id, name, owed }) => ({ labels: { account_id, target: name }, value: owed })),
    ),
    gauge(
      'roleback_event_target_given_up_messages',
      'Messages that an event target did not take in time, kept to be sent again.',
      targets.map(({ account_id, name, givenUp }) => ({
        labels: { account_id, target: name },
        value: givenUp,
      })),
    ),
    gauge(
      'roleback_event_target_last_success_timestamp_seconds',
      'When an event target last took a message; 0 where it never did.',
      targets.map(({ account_id, name, last_delivered_at }) => ({
        labels: { account_id, target: name },
        value: (last_delivered_at ?? 0) / SECOND,
      })),
    ),
    gauge(
      'roleback_discovery_failed',
      'Whether the last round of a discovery rule came to no list of what is behind its connection: 1 or 0.',
      rules.map(({ account_id, region, name, failed }) => ({
        labels: { account_id, region, rule: name },
        value: failed,
      })),
    ),
    gauge(
      'roleback_discovered_unregistered',
      'What a discovery rule found that is not registered: offered, refused, or deregistered by somebody.',
      rules.map(({ account_id, region, name, unregistered }) => ({
        labels: { account_id, region, rule: name },
        value: unregistered,
      })),
    ),
    gauge(
      'roleback_resource_last_restore_test_timestamp_seconds',
      'When the last restore test of the resource that went well was due; absent where none ever did.',
      tested.map(({ account_id, resource_arn, due_at }) => ({
        labels: { account_id, resource_arn },
        value: due_at / SECOND,
      })),
    ),
    gauge(
      'roleback_resource_recovery_seconds',
      'How long the restore of that test took.',
      tested.map(({ account_id, resource_arn, recovery_ms }) => ({
        labels: { account_id, resource_arn },
        value: (recovery_ms ?? 0) / SECOND,
      })),
    ),
    gauge(
      'roleback_resource_restore_test_failed',
      '1 where the newest restore test of the resource was not restored or not found good.',
      judged.map(({ account_id, resource_arn, good }) => ({
        labels: { account_id, resource_arn },
        value: good ? 0 : 1,
      })),
    ),
    gauge(
      'roleback_restore_tests_undeleted',
      'Restore tests whose place could not be deleted; it is tried again.',
      undeleted.map(({ account_id, count }) => ({ labels: { account_id }, value: count })),
    ),
    gauge(
      'roleback_identity_export_timestamp_seconds',
      'When roles, plans and settings were last exported to the system vault; 0 where they never were.',
      [{ value: (exported?.exported_at ?? 0) / SECOND }],
    ),
    gauge(
      'roleback_identity_export_failing_seconds',
      'For how long exporting them has failed; 0 where it does not.',
      [
        {
          value: typeof exported?.problem_since === 'number' ? (now - exported.problem_since) / SECOND : 0,
        },
      ],
    ),
  ]
  return bounded(families)
}

function vaultHealth(vaults: readonly VaultMeasure[]): readonly Family[] {
  const of = (value: (vault: VaultMeasure) => number): Sample[] =>
    vaults.map((vault) => ({
      labels: { account_id: vault.account_id, region: vault.region, vault: vault.name },
      value: value(vault),
    }))
  return [
    gauge(
      'roleback_vault_last_scrub_timestamp_seconds',
      'When everything in a vault was last read to its end; 0 where it never was.',
      of(({ scrubbedAt }) => scrubbedAt / SECOND),
    ),
    gauge(
      'roleback_vault_damaged_blobs',
      'Blobs of a vault that are known to be damaged or missing.',
      of(({ damagedBlobs }) => damagedBlobs),
    ),
    gauge(
      'roleback_vault_damaged_recovery_points',
      'Recovery points of a vault that are known not to be whole.',
      of(({ damagedPoints }) => damagedPoints),
    ),
  ]
}

function bounded(families: readonly Family[]): Family[] {
  const longest = families.filter(({ samples }) => samples.length > MAX_SERIES)
  return [
    ...families.map((family) => ({ ...family, samples: family.samples.slice(0, MAX_SERIES) })),
    gauge(
      'roleback_series_left_out',
      `Whether a metric has more than ${MAX_SERIES} series, of which only the first are told: by metric.`,
      longest.map(({ name }) => ({ labels: { metric: name }, value: 1 })),
    ),
  ]
}

/** A resource under several rules or plans is one series: breached where one of them is. */
function byResource(
  all: readonly Objective[],
): readonly { readonly labels: Readonly<Record<string, string>>; readonly isBreached: boolean }[] {
  const found = new Map<string, { labels: Record<string, string>; isBreached: boolean }>()
  for (const { accountId, resourceArn, missedSince } of all) {
    const key = `${accountId} ${resourceArn}`
    const before = found.get(key)
    found.set(key, {
      labels: { account_id: accountId, resource_arn: resourceArn },
      isBreached: before?.isBreached === true || missedSince !== undefined,
    })
  }
  return [...found.values()]
}

function jobSample(value: (totals: JobTotals) => number): (totals: JobTotals) => Sample {
  return (totals) => ({
    labels: { account_id: totals.accountId, kind: totals.kind, state: totals.state },
    value: value(totals),
  })
}

function bytesOf(jobs: readonly JobTotals[], kind: JobKind): readonly Sample[] {
  const sums = new Map<string, number>()
  for (const one of jobs)
    if (one.kind === kind) sums.set(one.accountId, (sums.get(one.accountId) ?? 0) + one.bytes)
  return [...sums].map(([account_id, value]) => ({ labels: { account_id }, value }))
}

function gauge(name: string, help: string, samples: readonly Sample[]): Family {
  return { name, type: 'gauge', help, samples }
}

function counter(name: string, help: string, samples: readonly Sample[]): Family {
  return { name, type: 'counter', help, samples }
}
