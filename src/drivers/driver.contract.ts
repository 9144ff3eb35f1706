import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { RestoreChecks, UnmetError } from './restore-checks.ts'
import type { Kind, Step, StepTarget } from '../kinds/kind.ts'
import { restoreTargetOf } from '../kinds/restore-target.ts'
import type { RestoreTarget } from '../kinds/restore-target.ts'
import { inferredMetadata, restoreTestName, validatedType, validationSteps } from '../kinds/restore-test.ts'
import { ItemError } from './driver.ts'
import type { Connection, Driver, DriverSession, ItemProblem, ResourceView } from './driver.ts'
import type { RestoreRequest, RestoreSummary, ThreadHalf } from './driver.ts'
import { MemorySink } from './driver.memory.ts'
import type { MemoryPoint } from './driver.memory.ts'

/**
 * What every driver must do, as data: `for (const { name, run } of driverContract) test(name, () => run(driver))`.
 * A driver that cannot do a case leaves it out by name with a reason.
 */
export interface ContractCase {
  readonly name: string
  readonly run: (tested: DriverUnderTest) => Promise<void>
}

export interface DriverUnderTest {
  readonly driver: Driver
  /** Where the driver gives `range` content or pours. */
  readonly thread?: ThreadHalf
  /** A fresh source with at least three items, none of them changed in the last seconds as far as the driver can tell. */
  makeSource(): Promise<ContractSource>
}

export interface ContractSource extends AsyncDisposable {
  readonly resource: ResourceView
  /** What the session opens for a step on `target`. */
  connection(target: StepTarget): Connection
  /** The session's clock for this source, where the driver asks for one that is ahead of its last change. */
  now?(): Date
  /** Changes the bytes of something in the source. */
  change(): Promise<void>
  /** A restore of everything into something new. */
  readonly restore: { readonly metadata: Readonly<Record<string, string>>; readonly target: RestoreTarget }
  /** Asserts that what the restore made equals the source, by other means than the driver's. */
  assertSame(summary: RestoreSummary): Promise<void>
  /** Names of what lies where restores go; empty before the first. */
  restored(): Promise<readonly string[]>
}

export class ContractDeniedError extends Error {
  override name = 'AccessDeniedError'
}

export interface RecordedCall {
  readonly step: Step
  readonly arns: readonly string[]
}

export interface ContractSession extends DriverSession {
  readonly calls: RecordedCall[]
}

export interface SessionOptions {
  /** Names of steps that the role may not do. */
  readonly denied?: readonly string[]
  readonly signal?: AbortSignal
  readonly now?: () => Date
  /** Called before each call that is allowed. */
  readonly onCall?: (step: Step) => void
}

const REGION_AND_ACCOUNT = 'us-east-1:111122223333'
export const CONTRACT_VAULT: string = `arn:aws:backup:${REGION_AND_ACCOUNT}:backup-vault:contract`
export const CONTRACT_POINT: string = `arn:aws:backup:${REGION_AND_ACCOUNT}:recovery-point:contract`

/** A session that decides by a list of denied steps and records every decision, as a job's session does by policies. */
export function contractSession(
  source: Pick<ContractSource, 'resource' | 'connection' | 'now'>,
  options: SessionOptions = {},
): ContractSession {
  const calls: RecordedCall[] = []
  const decide = (step: Step, target: StepTarget): boolean => {
    const arns = step.arns(target)
    assert.ok(arns.length > 0, `Step ${step.name} was decided on nothing`)
    step.context?.(target)
    calls.push({ step, arns })
    return !options.denied?.includes(step.name)
  }
  const signal = options.signal ?? new AbortController().signal
  return {
    resource: source.resource,
    jobId: '0f8fad5b-d9cb-469f-a165-70867728950e',
    recoveryPointArn: CONTRACT_POINT,
    backupVaultArn: CONTRACT_VAULT,
    signal,
    calls,
    now: options.now ?? (() => source.now?.() ?? new Date()),
    async call(step, target, call) {
      signal.throwIfAborted()
      if (!decide(step, target)) throw new ContractDeniedError(`Not authorized to perform: ${step.action}`)
      options.onCall?.(step)
      return await call(source.connection(target))
    },
    may: decide,
    expect: () => undefined,
  }
}

/** Backs `source` up into memory; the summary's restore metadata must be the kind's own. */
export async function backUp(
  tested: DriverUnderTest,
  source: ContractSource,
  options: SessionOptions & { readonly parent?: MemoryPoint } = {},
): Promise<{
  sink: MemorySink
  point: MemoryPoint
  session: ContractSession
  restoreMetadata: Readonly<Record<string, string>>
  notes: readonly string[]
}> {
  const sink = new MemorySink({ thread: tested.thread, parent: options.parent })
  const session = contractSession(source, options)
  const { restoreMetadata, notes = [] } = await tested.driver.backup({ session, sink })
  for (const key of Object.keys(restoreMetadata)) {
    assert.ok(key in tested.driver.kind.restoreMetadata, `Restore metadata "${key}" is unknown to the kind`)
  }
  return { sink, point: sink.point(), session, restoreMetadata, notes }
}

/** Restores `point` as the source's `restore` says, or as `request` overrides it. */
export async function restoreInto(
  tested: DriverUnderTest,
  source: ContractSource,
  point: MemoryPoint,
  options: SessionOptions & {
    readonly metadata?: Readonly<Record<string, string>>
    readonly target?: RestoreTarget
    readonly restoreMetadata?: Readonly<Record<string, string>>
    /** What the job gives besides. */
    readonly run?: Partial<RestoreRequest>
  } = {},
): Promise<{ summary: RestoreSummary; problems: ItemProblem[]; session: ContractSession }> {
  const session = contractSession(source, options)
  const problems: ItemProblem[] = []
  const left: string[] = []
  const restored = tested.driver.restore({
    session,
    point,
    metadata: options.metadata ?? source.restore.metadata,
    restoreMetadata: options.restoreMetadata ?? {},
    target: options.target ?? source.restore.target,
    attempt: 1,
    placed: undefined,
    placing: () => Promise.resolve(),
    begin: () => Promise.resolve(),
    left: (what) => left.push(what),
    problem: (problem) => problems.push(problem),
    progress: () => undefined,
    ...options.run,
  })
  // As the job tells it.
  const summary = await restored.catch((cause: Error) => {
    throw left.length === 0 ? cause : new Error([cause.message, ...left].join('. '), { cause })
  })
  return { summary, problems, session }
}

/** The answers of a dry run, in their order, and the names of the steps that it was decided on. */
async function dryRun(
  tested: DriverUnderTest,
  source: ContractSource,
  point: MemoryPoint,
  options: SessionOptions = {},
): Promise<{
  readonly answers: readonly string[]
  readonly last: string
  readonly steps: readonly string[]
}> {
  const session = contractSession(source, options)
  const checks = new RestoreChecks()
  const wish = { session, point, ...source.restore, restoreMetadata: {} }
  await tested.driver.checkRestore(wish, checks).catch((error: unknown) => {
    if (!(error instanceof UnmetError)) throw error
  })
  const answers = checks.made.map(({ answer }) => answer)
  return {
    answers,
    last: checks.made.at(-1)?.message ?? '',
    steps: session.calls.map(({ step }) => step.name),
  }
}

const required = (steps: Kind['backup']): Step[] =>
  Object.values(steps).filter(({ optional }) => optional !== true)

/** Removes by a name that nothing has. */
async function removeNothing(
  tested: DriverUnderTest,
  source: ContractSource,
  targetArn: string,
): Promise<ContractSession> {
  const session = contractSession(source)
  const name = restoreTestName('fedcba9876543210'.repeat(2))
  await tested.driver.removeRestored({ session, targetArn, name })
  return session
}

/** Counts and digests what a restore test made, as its validators do, under a role that may and under one that may not. */
async function assertReadBack(
  tested: DriverUnderTest,
  source: ContractSource,
  made: {
    readonly point: MemoryPoint
    readonly metadata: Readonly<Record<string, string>>
    readonly targetArn: string
    readonly name: string
  },
): Promise<void> {
  const { kind, validation } = tested.driver
  const { point, metadata, targetArn, name } = made
  const userArn = 'arn:aws:rds-db:us-east-1:111122223333:dbuser:db-contract/owner'
  const content = (options?: SessionOptions) =>
    validation.content({ session: contractSession(source, options), targetArn, name, userArn })
  const items = (await Array.fromAsync(validation.items(point, metadata, source.resource.name))).flat()
  const { isCounted } = validatedType(kind.type)
  const count = await content().count()
  if (isCounted) assert.equal(count, items.length)
  assert.ok(count > 0)
  const files = items.filter((item) => validation.isFile(item))
  assert.equal(files.length > 0, isCounted)
  for (const file of files) {
    const bytes = Buffer.concat(await Array.fromAsync(point.read(file)))
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    assert.deepEqual(await content().digest(file), { sha256, size: bytes.length })
  }
  const denied = { denied: validationSteps(kind.type).map((step) => step.name) }
  await assert.rejects(content(denied).count(), ContractDeniedError)
  const [file] = files
  if (file === undefined) return
  await assert.rejects(content(denied).digest(file), ContractDeniedError)
  const absent = { ...file, key: Buffer.concat([file.key, Buffer.from('-absent')]) }
  await assert.rejects(content().digest(absent), ItemError)
}

export const driverContract: readonly ContractCase[] = [
  {
    name: 'a backup restored into something new equals its source',
    async run(tested) {
      await using source = await tested.makeSource()
      const { sink, point, restoreMetadata } = await backUp(tested, source)
      assert.deepEqual(sink.problems, [])
      assert.ok(point.itemCount > 0)
      const before = await dryRun(tested, source, point)
      assert.ok(before.answers.length > 2 && !before.answers.includes('no'), before.last)
      for (const name of before.steps) assert.ok(name in tested.driver.kind.restore, name)
      assert.deepEqual(await source.restored(), [], 'it made something')
      for (const denied of new Set(before.steps)) {
        const { answers, last } = await dryRun(tested, source, point, { denied: [denied] })
        assert.equal(answers.at(-1), 'no', denied)
        assert.match(last, /^Not authorized to perform: /)
      }
      const { summary, problems } = await restoreInto(tested, source, point, { restoreMetadata })
      assert.deepEqual(problems, [])
      assert.equal(summary.createdResourceArn, source.restore.target.arn)
      assert.ok(summary.itemsRestored > 0)
      await source.assertSame(summary)
      const after = await dryRun(tested, source, point)
      assert.equal(after.answers.at(-1), 'no')
      assert.match(after.last, /there already|exists/)
    },
  },
  {
    name: 'a changed source is read again, and the later point restores to the change',
    async run(tested) {
      await using source = await tested.makeSource()
      const first = await backUp(tested, source)
      await source.change()
      const second = await backUp(tested, source, { parent: first.point })
      assert.deepEqual(second.sink.problems, [])
      assert.ok(second.sink.itemsRead > 0)
      const { summary } = await restoreInto(tested, source, second.point, {
        restoreMetadata: second.restoreMetadata,
      })
      await source.assertSame(summary)
    },
  },
  {
    name: 'an unchanged source is taken over from the parent unread',
    async run(tested) {
      await using source = await tested.makeSource()
      const first = await backUp(tested, source)
      const second = await backUp(tested, source, { parent: first.point })
      assert.equal(second.sink.itemsRead, 0)
      assert.equal(second.sink.itemsReused, first.sink.itemsRead)
      const { summary } = await restoreInto(tested, source, second.point, {
        restoreMetadata: second.restoreMetadata,
      })
      await source.assertSame(summary)
    },
  },
  {
    name: 'every call of a backup and a restore is a step of the kind, and every required step of a backup is met',
    async run(tested) {
      await using source = await tested.makeSource()
      const { kind } = tested.driver
      const { session: backup, point, restoreMetadata } = await backUp(tested, source)
      for (const { step } of backup.calls) assert.equal(kind.backup[step.name], step)
      const met = new Set(backup.calls.map(({ step }) => step.name))
      for (const step of required(kind.backup))
        assert.ok(met.has(step.name), `Step ${step.name} was never met`)
      const { session: restore } = await restoreInto(tested, source, point, { restoreMetadata })
      for (const { step } of restore.calls) assert.equal(kind.restore[step.name], step)
      assert.ok(restore.calls.length > 0)
    },
  },
  {
    name: 'a backup ends at the first required step that its role may not do',
    async run(tested) {
      await using source = await tested.makeSource()
      for (const step of required(tested.driver.kind.backup)) {
        await assert.rejects(backUp(tested, source, { denied: [step.name] }), ContractDeniedError, step.name)
      }
    },
  },
  {
    name: 'R3 what is unchanged needs the present role’s right as well',
    async run(tested) {
      await using source = await tested.makeSource()
      const { point } = await backUp(tested, source)
      for (const step of required(tested.driver.kind.backup)) {
        const again = backUp(tested, source, { denied: [step.name], parent: point })
        await assert.rejects(again, ContractDeniedError, step.name)
      }
    },
  },
  {
    name: 'a restore ends at the first required step that its role may not do, and leaves nothing',
    async run(tested) {
      await using source = await tested.makeSource()
      const { point, restoreMetadata } = await backUp(tested, source)
      await using twin = await tested.makeSource()
      const { session } = await restoreInto(tested, twin, point, { restoreMetadata })
      const met = new Set(session.calls.map(({ step }) => step))
      for (const step of required(tested.driver.kind.restore).filter((candidate) => met.has(candidate))) {
        const denied = restoreInto(tested, source, point, { restoreMetadata, denied: [step.name] })
        await assert.rejects(denied, ContractDeniedError, step.name)
        assert.deepEqual(await source.restored(), [], step.name)
      }
    },
  },
  {
    name: 'a job told to stop rejects, and a stopped restore leaves nothing',
    async run(tested) {
      await using source = await tested.makeSource()
      const { point, restoreMetadata } = await backUp(tested, source)
      const stopped = { signal: AbortSignal.abort(new Error('stopped')) }
      await assert.rejects(backUp(tested, source, stopped))
      const controller = new AbortController()
      let calls = 0
      const { session } = await (async () => {
        await using twin = await tested.makeSource()
        return await restoreInto(tested, twin, point, { restoreMetadata })
      })()
      const last = session.calls.filter(({ step }) => step.optional !== true).length
      const onCall = (): void => {
        if (++calls === last) controller.abort(new Error('stopped'))
      }
      await assert.rejects(
        restoreInto(tested, source, point, { restoreMetadata, signal: controller.signal, onCall }),
      )
      assert.deepEqual(await source.restored(), [])
    },
  },
  {
    name: 'what a restore test made is removed by whom may, and only that',
    async run(tested) {
      await using source = await tested.makeSource()
      const { kind } = tested.driver
      const { point, restoreMetadata } = await backUp(tested, source)
      const before = await source.restored()
      const name = restoreTestName('0123456789abcdef'.repeat(2))
      const metadata = inferredMetadata(kind, restoreMetadata, name)
      const place = { region: 'us-east-1', accountId: '111122223333' }
      const isRegistered = (): Promise<boolean> => Promise.resolve(false)
      const target = await restoreTargetOf({ type: kind.type, place, metadata, isRegistered })
      const { problems } = await restoreInto(tested, source, point, { restoreMetadata, metadata, target })
      assert.deepEqual(problems, [])
      const made = await source.restored()
      assert.equal(made.length, before.length + 1)
      await assertReadBack(tested, source, { point, metadata, targetArn: target.arn, name })
      const remove = async (denied: readonly string[]): Promise<ContractSession> => {
        const session = contractSession(source, { denied })
        await tested.driver.removeRestored({ session, targetArn: target.arn, name })
        return session
      }
      const { calls } = await removeNothing(tested, source, target.arn)
      assert.ok(calls.length > 0)
      assert.deepEqual(await source.restored(), made, 'another test’s name removes nothing of this one')
      const last = calls.at(-1)?.step.name as string
      await assert.rejects(remove([last]), ContractDeniedError)
      await remove([])
      assert.deepEqual(await source.restored(), before)
      await remove([])
    },
  },
  {
    name: 'an item of a recovery point that cannot be read never counts as restored',
    async run(tested) {
      await using source = await tested.makeSource()
      const { point, restoreMetadata } = await backUp(tested, source)
      const victim = point.held.find(({ item }) => item.size > 0)
      assert.ok(victim, 'The source needs an item with bytes')
      point.damaged.add(Buffer.from(victim.item.key).toString('latin1'))
      const outcome = await restoreInto(tested, source, point, { restoreMetadata }).catch(
        (error: unknown) => error,
      )
      if (outcome instanceof Error) return
      assert.ok((outcome as { problems: ItemProblem[] }).problems.length > 0)
    },
  },
]
