import type { BackupPlace, CheckedSubject, Preflight, Wish } from '../access/preflight.ts'
import { preflight } from '../access/preflight.ts'
import type { Check } from '../access/preflight-checks.ts'
import type { Finding } from '../access/preflight-subjects.ts'
import { InvalidParameterValueException, ResourceNotFoundException } from '../aws/generated/roleback.ts'
import type {
  PreflightCheck,
  PreflightJobsInput,
  PreflightJobsOutput,
  PreflightResource,
  TargetCheck,
} from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { arnOf } from '../lib/arn.ts'
import { keptDays } from '../plans/lifecycle.ts'
import type { PlanCopyAction, PlanDocument } from '../plans/plan.ts'
import { selectionWarnings } from '../plans/selection.ts'
import type { Page } from '../store/page.ts'
import { findPlan } from '../store/plans/plans.ts'
import { changesOf } from './policy-changes.ts'
import { toProposedChange } from './explain.ts'
import { MAX_LOOKED_AT, targetChecks } from './restore-dry-run.ts'
import { nextToken, pageOf } from './paging.ts'
import { named, selectedPage } from './resource-selection.ts'
import { mayKnowRole } from './role-knowledge.ts'
import { toStatement } from './who-can.ts'

/** Checks listed in one answer; further ones are counted. */
const MAX_LISTED = 10_000
/** Resources in one answer; further ones are behind its NextToken. */
const MAX_RESOURCES = 10_000
const LIST = 'PreflightJobs'

/**
 * Everything that a backup, a restore, a copy or a selection will be asked for, answered before anything runs. Nothing is started and nothing
 * is recorded as a denial; the call itself is recorded like any other. With CheckTarget a worker looks at the targets of restores, too.
 * What is about no single resource is listed and counted on the first page only, and decides on every one.
 */
export async function preflightJobs(ctx: Context, input: PreflightJobsInput): Promise<PreflightJobsOutput> {
  const { rows, next } = await resourcesOf(ctx, input)
  const wish = await wishOf(ctx, input, rows)
  const sourceArn = wish.planArn ?? wish.places[0]?.vaultArn ?? wish.recoveryPointArns[0] ?? ''
  const { store, accountId, region, now, preview } = ctx
  const done = await preflight(
    {
      store,
      accountId,
      region,
      now,
      preview,
      inputOf: (point) => callInput(input, point),
      mayKnowRole: await mayKnowRole(ctx, wish.roleArn, sourceArn),
      withDefaultRole: input.WithDefaultRole === true,
    },
    wish,
  )
  return {
    ...answerOf(input, done, await targetsOf(ctx, input, done)),
    NextToken: nextToken(ctx, LIST, next),
  }
}

type Targets = ReadonlyMap<string, TargetCheck[]>

/** What is found at the targets of restores, where that is asked for: by recovery point. */
async function targetsOf(
  ctx: Context,
  input: PreflightJobsInput,
  { findings, subjects }: Preflight,
): Promise<Targets> {
  const targets = new Map<string, TargetCheck[]>()
  if (input.CheckTarget !== true) return targets
  if (input.Operation !== 'StartRestoreJob')
    throw new InvalidParameterValueException('CheckTarget is for a preflight of StartRestoreJob', {
      Context: 'CheckTarget',
    })
  if (subjects.length > MAX_LOOKED_AT)
    throw new InvalidParameterValueException(
      `CheckTarget takes ${MAX_LOOKED_AT} recovery points at most, not ${subjects.length}`,
      { Context: 'RecoveryPointArns' },
    )
  for (const subject of subjects) {
    const all = { ...subject, findings: [...findings, ...subject.findings] }
    targets.set(subject.arn, await targetChecks(ctx, input, all))
  }
  return targets
}

async function wishOf(
  ctx: Context,
  input: PreflightJobsInput,
  resourceArns: readonly string[],
): Promise<Wish> {
  const base = {
    operation: input.Operation,
    roleArn: input.IamRoleArn,
    places: [],
    resourceArns,
    recoveryPointArns: [],
    metadata: input.Metadata ?? {},
    isCopyingTags: input.CopySourceTagsToRestoredResource === true,
  }
  switch (input.Operation) {
    case 'StartBackupJob': {
      const places = [placeOf(ctx, required(input, 'BackupVaultName'), input)]
      return { ...base, places }
    }
    case 'CreateBackupSelection': {
      const planId = required(input, 'BackupPlanId')
      const planArn = arnOf('backup', ctx.region, ctx.accountId, `backup-plan:${planId}`)
      const places = await placesOfPlan(ctx, planId)
      return { ...base, places, planArn }
    }
    case 'StartRestoreJob':
      return { ...base, recoveryPointArns: required(input, 'RecoveryPointArns') }
    case 'StartCopyJob': {
      const destinationVaultArn = required(input, 'DestinationBackupVaultArn')
      const isExpiring = (input.DeleteAfterDays ?? -1) !== -1
      return {
        ...base,
        destinationVaultArn,
        isExpiring,
        recoveryPointArns: required(input, 'RecoveryPointArns'),
      }
    }
  }
}

function required<K extends keyof PreflightJobsInput>(
  input: PreflightJobsInput,
  member: K,
): NonNullable<PreflightJobsInput[K]> {
  const value = input[member]
  if (value === undefined) {
    throw new InvalidParameterValueException(`A preflight of ${input.Operation} needs ${member}`, {
      Context: member,
    })
  }
  return value
}

/** A page of the resources that backups and selections are about; restores and copies are about recovery points. */
async function resourcesOf(ctx: Context, input: PreflightJobsInput): Promise<Page<string>> {
  if (input.Operation === 'StartRestoreJob' || input.Operation === 'StartCopyJob') {
    if (input.NextToken === undefined) return { rows: [] }
    throw new InvalidParameterValueException(
      `A preflight of ${input.Operation} has one page: leave NextToken out`,
      { Context: 'NextToken' },
    )
  }
  if (input.ResourceArns === undefined && input.BackupSelection === undefined) {
    throw new InvalidParameterValueException(
      `A preflight of ${input.Operation} needs ResourceArns, a BackupSelection or both`,
      { Context: 'ResourceArns' },
    )
  }
  const page = pageOf(ctx, LIST, { ...input, MaxResults: input.MaxResults ?? MAX_RESOURCES })
  return await selectedPage(ctx, input.ResourceArns ?? [], input.BackupSelection, page)
}

function placeOf(
  ctx: Context,
  vaultName: string,
  rule: {
    readonly RecoveryPointTags?: Readonly<Record<string, string>> | undefined
    readonly DeleteAfterDays?: number | undefined
    readonly CopyActions?: readonly PlanCopyAction[] | undefined
  },
): BackupPlace {
  const isExpiring = (rule.DeleteAfterDays ?? -1) !== -1
  return {
    vaultArn: arnOf('backup', ctx.region, ctx.accountId, `backup-vault:${vaultName}`),
    recoveryPointTags: rule.RecoveryPointTags ?? {},
    isExpiring,
    copies: (rule.CopyActions ?? []).map(({ DestinationBackupVaultArn, Lifecycle }) => ({
      vaultArn: DestinationBackupVaultArn,
      isExpiring: isExpiring || keptDays(Lifecycle) !== null,
    })),
  }
}

async function placesOfPlan(ctx: Context, planId: string): Promise<readonly BackupPlace[]> {
  const plan = await findPlan(ctx.store.db, ctx, planId)
  if (plan === undefined || plan.deleted_at !== null) {
    throw new ResourceNotFoundException(`Cannot find the backup plan ${planId} in this account and region`, {
      Context: 'BackupPlanId',
    })
  }
  const { Rules } = JSON.parse(plan.document) as PlanDocument
  return Rules.map((rule) => placeOf(ctx, rule.TargetBackupVaultName, { ...rule, ...rule.Lifecycle }))
}

/** The call as its operation takes it: what its resource and its condition keys are made from. */
function callInput(input: PreflightJobsInput, RecoveryPointArn: string | undefined): object {
  const { BackupVaultName, BackupPlanId, RecoveryPointTags, IamRoleArn, DestinationBackupVaultArn } = input
  return {
    BackupVaultName,
    BackupPlanId,
    RecoveryPointTags,
    IamRoleArn,
    DestinationBackupVaultArn,
    RecoveryPointArn,
  }
}

type Verdict = PreflightJobsOutput['Verdict']

function answerOf(
  input: PreflightJobsInput,
  { checks, findings, subjects }: Preflight,
  targets: Targets,
): PreflightJobsOutput {
  const isFirst = input.NextToken === undefined
  const all = [...(isFirst ? checks : []), ...subjects.flatMap((subject) => subject.checks)]
  const listing = new Listing(input.Include === 'all')
  const shared = isFirst ? listing.take(checks) : []
  const resources = subjects.map((subject) => toResource(subject, listing, targets.get(subject.arn)))
  const verdicts = [verdictOf(checks, findings), ...resources.map(({ Verdict }) => Verdict)]
  const warnings = input.BackupSelection === undefined ? [] : selectionWarnings(named(input.BackupSelection))
  return {
    Verdict: worst(verdicts),
    CheckCount: all.length,
    MissingCount: all.filter(isMissing).length,
    ResourceCount: subjects.length,
    Findings: isFirst
      ? [...findings.map(toFinding), ...warnings.map((Message) => ({ Code: 'TagsWithoutEffect', Message }))]
      : [],
    Checks: shared,
    Resources: resources,
    Changes: changesOf(all.filter(isMissing)),
    LeftOut: listing.leftOut,
  }
}

const isMissing = ({ verdict, isOptional }: Check): boolean => verdict !== 'allowed' && !isOptional

function verdictOf(checks: readonly Check[], findings: readonly Finding[]): Verdict {
  if (findings.length > 0) return 'denied'
  return worst(checks.filter(isMissing).map(({ verdict }) => verdict))
}

function worst(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes('denied')) return 'denied'
  return verdicts.includes('depends') ? 'depends' : 'allowed'
}

/** Takes what is to be listed, as long as there is room. */
class Listing {
  readonly #isAll: boolean
  #room = MAX_LISTED
  leftOut = 0

  constructor(isAll: boolean) {
    this.#isAll = isAll
  }

  take(checks: readonly Check[]): PreflightCheck[] {
    const wanted = this.#isAll ? checks : checks.filter(({ verdict }) => verdict !== 'allowed')
    const taken = wanted.slice(0, this.#room)
    this.#room -= taken.length
    this.leftOut += wanted.length - taken.length
    return taken.map(toCheck)
  }
}

function toResource(
  subject: CheckedSubject,
  listing: Listing,
  target: TargetCheck[] | undefined,
): PreflightResource {
  const isBarred = target?.some(({ Answer }) => Answer === 'no') === true
  return {
    ResourceArn: subject.arn,
    ResourceType: subject.type,
    Verdict: isBarred ? 'denied' : verdictOf(subject.checks, subject.findings),
    TargetChecks: target,
    CheckCount: subject.checks.length,
    Findings: subject.findings.map(toFinding),
    Checks: listing.take(subject.checks),
  }
}

function toFinding({ code, message }: Finding): { Code: string; Message: string } {
  return { Code: code, Message: message }
}

function toCheck(check: Check): PreflightCheck {
  return {
    Layer: check.layer,
    Step: check.step,
    Action: check.action,
    ResourceArn: check.resource,
    Verdict: check.verdict,
    Optional: check.isOptional,
    Reason: check.reason,
    Statements: check.statements.map(toStatement),
    Keys: [...check.keys],
    Proposals: check.proposals.map(toProposedChange),
  }
}
