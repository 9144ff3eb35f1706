import { setImmediate as breathe } from 'node:timers/promises'
import { backupCalls, copyCalls, deletionCalls, restoreCalls } from '../kinds/job-calls.ts'
import type { JobCall, RestorePlan } from '../kinds/job-calls.ts'
import type { Kind } from '../kinds/kind.ts'
import type { PolicyLayers } from '../policy/evaluate.ts'
import { standInFor } from '../policy/outlook.ts'
import { findRoleByName } from '../store/identity/identities.ts'
import { parseArn } from '../lib/arn.ts'
import { tagsOver } from '../lib/tag-keys.ts'
import type { RoleTable } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { askTrust, serviceSession } from './assume.ts'
import type { Preview } from './authorize.ts'
import type { JobFacts } from './job-request.ts'
import {
  DEFAULT_ROLE_NAME,
  DEFAULT_ROLE_RIGHTS,
  defaultRoleArn,
  newDefaultRole,
  newDefaultRoleLayers,
} from './default-role.ts'
import type { JobLayers, JobScope } from './job-scope.ts'
import { layersOf } from './layers.ts'
import { BACKUP_SERVICE, passRoleContext, roleToPass } from './passed-role.ts'
import type { Principal } from './principal.ts'
import { guardChecks } from './preflight-guard.ts'
import { guardAll, guardHandOuts, PLAN_COPIES } from './restore-guard.ts'
import { Checker } from './preflight-checks.ts'
import type { Check, CheckLayer } from './preflight-checks.ts'
import { PreflightVaults } from './preflight-vaults.ts'
import { backupSubjects, pointSubjects } from './preflight-subjects.ts'
import type { BackupSubject, Finding, PointSubject, Subject } from './preflight-subjects.ts'

/** What somebody means to do. */
export interface Wish {
  readonly operation: 'StartBackupJob' | 'StartCopyJob' | 'StartRestoreJob' | 'CreateBackupSelection'
  readonly roleArn: string
  /** Of backups and selections: where recovery points go, once for each rule of a plan. */
  readonly places: readonly BackupPlace[]
  /** Of copies. */
  readonly destinationVaultArn?: string | undefined
  /** Of copies: whether they are to expire whatever becomes of what they are made of. */
  readonly isExpiring?: boolean
  /** Of selections. */
  readonly planArn?: string | undefined
  readonly resourceArns: readonly string[]
  readonly recoveryPointArns: readonly string[]
  readonly metadata: Readonly<Record<string, string>>
  readonly isCopyingTags: boolean
}

export interface BackupPlace {
  readonly vaultArn: string
  readonly recoveryPointTags: Readonly<Record<string, string>>
  /** Whether the recovery points are to expire, which the role must be allowed to do then. */
  readonly isExpiring: boolean
  /** Vaults that they are copied to then. */
  readonly copies: readonly CopyPlace[]
}

export interface CopyPlace {
  readonly vaultArn: string
  readonly isExpiring: boolean
}

/** What a preflight works with. Nothing of it is written to. */
export interface PreflightTools {
  readonly store: Pick<Store, 'db'>
  readonly preview: Preview
  readonly accountId: string
  readonly region: string
  readonly now: number
  /** The caller's call as its operation takes it, with what is different for each recovery point. */
  readonly inputOf: (recoveryPointArn: string | undefined) => object
  /** False where the caller may neither pass the role nor simulate it: then nothing is told about it. */
  readonly mayKnowRole: boolean
  /** Whether a default service role that is not there counts as it will be once it is made. */
  readonly withDefaultRole: boolean
}

export interface CheckedSubject {
  readonly arn: string
  readonly type: string | undefined
  readonly findings: readonly Finding[]
  readonly checks: readonly Check[]
}

export interface Preflight {
  /** Asked once, whatever the resources. */
  readonly checks: readonly Check[]
  readonly findings: readonly Finding[]
  readonly subjects: readonly CheckedSubject[]
}

/** The role as a job would have it. */
interface JobSide {
  readonly row: RoleTable
  readonly session: Principal
  readonly layers: PolicyLayers
  /** Of the default role: it is not there, and its caller has to make it. */
  readonly isYetToMake: boolean
}

/**
 * Asks everything that an operation and its jobs will ask, now and all at once: the caller's right to call it and to pass the role,
 * the role's trust policy, and every step of every job with real ARNs, tags and condition keys. Nothing is recorded as a denial: nobody was
 * denied anything.
 */
export async function preflight(tools: PreflightTools, wish: Wish): Promise<Preflight> {
  const checker = new Checker()
  const found = tools.mayKnowRole
    ? await roleToPass(tools.store.db, tools.accountId, wish.roleArn)
    : undefined
  const findings: Finding[] = []
  if (found === undefined) findings.push({ code: 'RoleHidden', message: HIDDEN })
  const job = found && (found.ok ? await jobSide(tools, found.role) : await defaultJobSide(tools, wish))
  if (found?.ok === false && job === undefined) findings.push({ code: 'NoSuchRole', message: found.message })
  const run = new Run(tools, wish, checker, job)
  switch (wish.operation) {
    case 'StartBackupJob':
    case 'CreateBackupSelection':
      return await run.backups(findings)
    case 'StartRestoreJob':
    case 'StartCopyJob':
      return await run.points(findings)
  }
}

const HIDDEN =
  'What the role may do is shown to those who may pass it (iam:PassRole) or simulate it (iam:SimulatePrincipalPolicy)'

async function jobSide({ store, now }: PreflightTools, row: RoleTable): Promise<JobSide> {
  const { db } = store
  const session = await serviceSession(db, row, now)
  return { row, session, layers: await layersOf(db, session), isYetToMake: false }
}

/** Undefined where the wish is about another role, or one of its name is there. */
async function defaultJobSide(
  { store: { db }, accountId, now, withDefaultRole }: PreflightTools,
  { roleArn }: Wish,
): Promise<JobSide | undefined> {
  if (!withDefaultRole || roleArn !== defaultRoleArn(accountId)) return undefined
  if ((await findRoleByName(db, accountId, DEFAULT_ROLE_NAME)) !== undefined) return undefined
  const row = newDefaultRole(accountId, now)
  const session = await serviceSession(db, row, now)
  return { row, session, layers: newDefaultRoleLayers(accountId), isYetToMake: true }
}

/** Resources looked at in one go: some 20 ms. */
const AT_ONCE = 100

/** Stands for every item of a resource. */
const ITEMS = { item: (arn: string): string => standInFor(`${arn}/*`) }

class Run {
  readonly #tools: PreflightTools
  readonly #wish: Wish
  readonly #checker: Checker
  readonly #job: JobSide | undefined
  readonly #vaults: PreflightVaults

  constructor(tools: PreflightTools, wish: Wish, checker: Checker, job: JobSide | undefined) {
    this.#tools = tools
    this.#wish = wish
    this.#checker = checker
    this.#job = job
    this.#vaults = new PreflightVaults(tools.store.db, tools.accountId)
  }

  async backups(findings: readonly Finding[]): Promise<Preflight> {
    const { places, planArn } = this.#wish
    const sourceArn = planArn ?? places[0]?.vaultArn ?? ''
    const checks = [...(await this.#callChecks(undefined)), ...(await this.#passing(sourceArn))]
    if (planArn !== undefined) checks.push(...(await this.#discovery()), ...(await this.#guardPlan()))
    const { subjects, common } = await backupSubjects(this.#tools, this.#wish)
    await this.#vaults.read(
      places.flatMap(({ vaultArn, copies }) => [vaultArn, ...copies.map((copy) => copy.vaultArn)]),
    )
    const done: CheckedSubject[] = []
    for (const subject of subjects) {
      // Others want to be answered meanwhile.
      if (done.length % AT_ONCE === AT_ONCE - 1) await breathe()
      done.push(checked(subject, this.#backupChecksOf(subject)))
    }
    return { checks, findings: [...findings, ...common], subjects: done }
  }

  #backupChecksOf(subject: BackupSubject): readonly Check[] {
    const { places } = this.#wish
    const checks = places.flatMap((place) => this.#backupChecks(subject, place))
    return places.length === 1 ? checks : oncePerRight(checks)
  }

  async points(findings: readonly Finding[]): Promise<Preflight> {
    const { subjects, common } = await pointSubjects(this.#tools, this.#wish)
    const { destinationVaultArn } = this.#wish
    const vaultArns = [...subjects.map(({ vaultArn }) => vaultArn), destinationVaultArn]
    await this.#vaults.read(vaultArns.filter((arn) => arn !== undefined))
    const done: CheckedSubject[] = []
    for (const subject of subjects) {
      const { arn } = subject
      const checks = [
        ...(await this.#callChecks(arn)),
        ...(await this.#passing(arn)),
        ...(await this.#guard(subject)),
        ...this.#pointChecks(subject),
      ]
      done.push(checked(subject, checks))
    }
    return { checks: [], findings: [...findings, ...common], subjects: done }
  }

  /** What the gate asks before the operation itself. */
  async #callChecks(recoveryPointArn: string | undefined): Promise<Check[]> {
    const { preview, inputOf } = this.#tools
    const asked = await preview.asked('backup', this.#wish.operation, inputOf(recoveryPointArn))
    const questions = await Promise.all(asked.map(preview.right))
    return questions.map((question) => this.#checker.ofCaller('caller', question))
  }

  /** The caller's PassRole, and the role's trust in the service. */
  async #passing(sourceArn: string): Promise<Check[]> {
    const { preview, accountId, now } = this.#tools
    const { roleArn } = this.#wish
    const passing = await preview.right({
      action: 'iam:PassRole',
      resource: roleArn,
      context: passRoleContext(sourceArn),
    })
    const checks = [this.#checker.ofCaller('passrole', passing)]
    if (this.#job === undefined) return checks
    if (this.#job.isYetToMake)
      for (const { action, context } of DEFAULT_ROLE_RIGHTS)
        checks.push(
          this.#checker.ofCaller('caller', await preview.right({ action, resource: roleArn, context })),
        )
    const assumption = { service: BACKUP_SERVICE, sourceAccount: accountId, sourceArn, now }
    return [...checks, this.#checker.ofTrust(askTrust(this.#job.row, assumption))]
  }

  /** What the caller must be able to read at the source, to be handed it, or to hand it to another account. */
  async #guard({ point, metadata }: PointSubject): Promise<readonly Check[]> {
    if (point === undefined) return []
    const isRestore = this.#wish.operation === 'StartRestoreJob'
    if (isRestore ? metadata === undefined : !this.#isOfOthers(this.#wish.destinationVaultArn)) return []
    return await this.#guarded((caller) => guardHandOuts(caller, [{ point, metadata }]))
  }

  /** Of a plan that copies to another account, everything that will be in it. */
  async #guardPlan(): Promise<readonly Check[]> {
    const copies = this.#wish.places.flatMap((place) => place.copies)
    if (!copies.some(({ vaultArn }) => this.#isOfOthers(vaultArn))) return []
    return await this.#guarded((caller) => guardAll(caller, PLAN_COPIES))
  }

  #guarded(guard: Parameters<typeof guardChecks>[3]): Promise<readonly Check[]> {
    return guardChecks(this.#tools, this.#tools.preview, this.#checker, guard)
  }

  #isOfOthers(vaultArn: string | undefined): boolean {
    return (parseArn(vaultArn ?? '')?.accountId ?? this.#tools.accountId) !== this.#tools.accountId
  }

  /** A selection finds its resources under the role at every run. */
  async #discovery(): Promise<readonly Check[]> {
    if (this.#job === undefined) return []
    const step = { name: 'GetResources', action: 'tag:GetResources', arns: () => ['*'] }
    const facts = this.#facts(this.#job, { arn: '*', tags: {} }, '*')
    return this.#checker.ofCall('job', facts, alone(this.#job), { step, target: { resourceArn: '*' } })
  }

  #backupChecks(subject: BackupSubject, place: BackupPlace): readonly Check[] {
    const { kind, name, tags, arn } = subject
    const job = this.#job
    if (job === undefined || kind === undefined || name === undefined) return []
    const { region, accountId } = this.#tools
    const recoveryPointArn = standInFor(kind.recoveryPointPattern({ region, accountId, name }))
    const scope = { resourceArn: arn, recoveryPointArn, backupVaultArn: place.vaultArn }
    const facts = this.#facts(job, { arn, tags }, recoveryPointArn)
    const calls = [
      ...this.#vaults.keyCalls(arn, { [place.vaultArn]: 'write' }),
      ...backupCalls(kind, { ...scope, resourceTags: tags }, ITEMS),
    ]
    const checks = [...this.#asked('job', facts, this.#vaults.layers(job.layers, scope), calls)]
    const pointTags = {
      ...tagsOver(tags, place.recoveryPointTags),
      'aws:backup:source-resource': arn,
    }
    if (place.isExpiring) checks.push(...this.#expiry(job, kind, facts, pointTags))
    for (const copy of place.copies) {
      const made = { ...facts, tags: new Map([[recoveryPointArn, pointTags], ...this.#vaults.tags]) }
      checks.push(...this.#copying(job, made, { ...scope, destinationVaultArn: copy.vaultArn }))
      if (copy.isExpiring)
        checks.push(...this.#expiry(job, kind, this.#copyOf(kind, facts, name, copy.vaultArn), pointTags))
    }
    return checks
  }

  /** Both sides of a copy. */
  #copying(
    job: JobSide,
    facts: JobFacts,
    scope: JobScope & { readonly destinationVaultArn: string },
  ): readonly Check[] {
    const { resourceArn, backupVaultArn, destinationVaultArn } = scope
    const calls = [
      ...this.#vaults.keyCalls(resourceArn, { [backupVaultArn]: 'read', [destinationVaultArn]: 'write' }),
      ...copyCalls(scope),
    ]
    return this.#asked('job', facts, this.#vaults.layers(job.layers, scope), calls)
  }

  /** The same facts about the copy that is made in another vault. */
  #copyOf(kind: Kind, facts: JobFacts, name: string, vaultArn: string): JobFacts {
    const { region, accountId } = parseArn(vaultArn) ?? this.#tools
    return { ...facts, recoveryPointArn: standInFor(kind.recoveryPointPattern({ region, accountId, name })) }
  }

  /** Decided without the scope of a job, since no job makes it. */
  #expiry(
    job: JobSide,
    kind: Kind,
    facts: JobFacts,
    tags: Readonly<Record<string, string>>,
  ): readonly Check[] {
    const { resource, recoveryPointArn } = facts
    const calls = deletionCalls(kind, { resourceArn: resource.arn, recoveryPointArn })
    const kept = { ...facts, tags: new Map([[recoveryPointArn, tags]]) }
    return this.#asked('expiry', kept, alone(job), calls)
  }

  #pointChecks(subject: PointSubject): readonly Check[] {
    const job = this.#job
    const { kind, point, vaultArn, tags } = subject
    if (job === undefined || kind === undefined || point === undefined || vaultArn === undefined) return []
    const { resource_arn: resourceArn, arn: recoveryPointArn } = point
    const scope: JobScope = { resourceArn, recoveryPointArn, backupVaultArn: vaultArn }
    if (this.#wish.operation === 'StartCopyJob') {
      const { destinationVaultArn = '', isExpiring } = this.#wish
      const facts = { ...this.#facts(job, { arn: resourceArn, tags: {} }, recoveryPointArn), tags }
      const checks = this.#copying(job, facts, { ...scope, destinationVaultArn })
      if (isExpiring !== true && point.delete_after_days === null) return checks
      const copy = this.#copyOf(kind, facts, point.resource_name, destinationVaultArn)
      return [...checks, ...this.#expiry(job, kind, copy, tags.get(recoveryPointArn) ?? {})]
    }
    const { target, throughArn, sourceTags } = subject
    if (target === undefined || throughArn === undefined) return []
    const targetArn = target.pattern === undefined ? target.arn : standInFor(target.pattern)
    const copiedTags = this.#wish.isCopyingTags ? sourceTags : {}
    const plan: RestorePlan = {
      ...scope,
      resourceTags: copiedTags,
      targetArn,
      isNew: target.isNew,
      throughArn,
      copiedTags,
    }
    const facts = { ...this.#facts(job, { arn: resourceArn, tags: copiedTags }, recoveryPointArn), tags }
    const layers = this.#vaults.layers(job.layers, { ...scope, targetArn, throughArn })
    const calls = [
      ...this.#vaults.keyCalls(resourceArn, { [vaultArn]: 'read' }),
      ...restoreCalls(kind, plan, ITEMS),
    ]
    return this.#asked('job', facts, layers, calls)
  }

  #facts(job: JobSide, resource: JobFacts['resource'], recoveryPointArn: string): JobFacts {
    const { region, now } = this.#tools
    return { principal: job.session, region, now, resource, recoveryPointArn }
  }

  #asked(layer: CheckLayer, facts: JobFacts, layers: JobLayers, calls: readonly JobCall[]): readonly Check[] {
    return calls.flatMap((call) => this.#checker.ofCall(layer, facts, layers, call))
  }
}

/** The role's own policies, where no job's scope bounds them. */
const alone = ({ layers }: JobSide): JobLayers => ({ on: () => layers })

/** Rules of a plan ask for the same things: the worst answer to each stays. */
function oncePerRight(checks: readonly Check[]): readonly Check[] {
  const kept = new Map<string, Check>()
  for (const check of checks) {
    const key = `${check.layer} ${check.step} ${check.action} ${check.resource}`
    const known = kept.get(key)
    if (known === undefined || known.verdict === 'allowed') kept.set(key, check)
  }
  return [...kept.values()]
}

function checked({ arn, type, findings }: Subject, checks: readonly Check[]): CheckedSubject {
  return { arn, type, findings, checks }
}
