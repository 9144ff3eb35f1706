import type { BackupFacts, Kind, Step, StepTarget } from '../kinds/kind.ts'
import type { RestoreTarget } from '../kinds/restore-target.ts'
import type { RestoreChecks } from './restore-checks.ts'

/**
 * The contract between a driver (code for one resource kind) and the job that runs it.
 *
 * A driver holds no connection and no secret: it asks its session for each call, the session decides, records, and only then
 * opens the connection for the length of that call. A driver knows nothing of the vault: it adds items to a sink in key order
 * and reads items from a point.
 *
 * Bytes take one of two ways. `range` content is read by the kind's ThreadReader inside a pour thread, synchronously, straight
 * into the vault's buffers. `stream` content (a dump, an object) is an AsyncIterable that the main thread copies across.
 */

/** How to reach the real thing behind a resource ARN. `settings` never holds a secret. */
export interface Connection {
  readonly settings: Readonly<Record<string, string | number | boolean>>
  /** The password or secret key, unsealed for this call only. */
  readonly secret: string | undefined
}

export interface ResourceView {
  readonly arn: string
  readonly uniqueId: string
  readonly name: string
  readonly tags: Readonly<Record<string, string>>
}

/** What a driver may do: every call is decided for the job's role session, recorded, and refused with AccessDenied otherwise. */
export interface DriverSession {
  readonly resource: ResourceView
  readonly jobId: string
  readonly recoveryPointArn: string
  /** The vault that the recovery point is written to or read from. */
  readonly backupVaultArn: string
  readonly signal: AbortSignal
  now(): Date
  /**
   * Decides `step` on every ARN it names and, when all are allowed, runs `call` with the connection opened.
   * @throws {AccessDeniedError} With AWS's sentence; the job ends FAILED before the step's effect.
   */
  call<T>(step: Step, target: StepTarget, call: (connection: Connection) => T | Promise<T>): Promise<T>
  /** Decides and records an optional step without opening anything. */
  may(step: Step, target: StepTarget): boolean
  /** Progress in bytes that the driver can tell beforehand. */
  expect(totalBytes: number): void
}

/** What the targets of a kind's steps are made from. */
export function factsOf(session: DriverSession): BackupFacts {
  return {
    resourceArn: session.resource.arn,
    resourceTags: session.resource.tags,
    recoveryPointArn: session.recoveryPointArn,
    backupVaultArn: session.backupVaultArn,
  }
}

/** One entry of a recovery point. Keys are any bytes, unique, in strictly ascending byte order. */
export interface Item {
  readonly key: Uint8Array
  /** The driver's own code of what it is (1 to 255), stable for ever: old recovery points are read with it. */
  readonly kind: number
  /** The driver's own encoding of metadata, versioned by its first byte. */
  readonly meta: Uint8Array
  /** Bytes of content, 0 where there is none. */
  readonly size: number
}

export type Content =
  | { readonly from: 'none' }
  /** Unchanged since the parent: its chunks are taken over unread. */
  | { readonly from: 'parent'; readonly item: StoredItem }
  /** Read by the kind's ThreadReader; `task` is the driver's own encoding of what to open. */
  | { readonly from: 'range'; readonly task: Uint8Array }
  | { readonly from: 'stream'; readonly open: (signal: AbortSignal) => AsyncIterable<Uint8Array> }

/** An item as it lies in a recovery point. `handle` is the vault's own. */
export interface StoredItem extends Item {
  readonly handle: unknown
}

/** Walks the parent recovery point forward only, beside the driver's own walk. */
export interface ParentCursor {
  readonly itemCount: number
  /** The parent's item of exactly this key. Keys asked for must ascend. A promise only where a page must be fetched. */
  find(key: Uint8Array): StoredItem | undefined | Promise<StoredItem | undefined>
  /** Keys of it, ascending, from each to the next about `every` items: to divide the work by. At any time, and cheap. */
  marks(every: number): readonly Uint8Array[]
}

export interface ItemProblem {
  /** Printable form of the key. */
  readonly item: string
  readonly reason: string
}

export interface BackupSink {
  readonly parent: ParentCursor | undefined
  /**
   * Adds the parent's item of this key, all of it as it is, if its kind and size are these and its metadata begins with this: for
   * drivers to which that says that nothing has changed. Much cheaper than `find` and `add`. Nothing of `seen` is kept. Wait for the promise, as
   * with `add`.
   * @returns False where the parent has no such item, or its content must be read again: nothing was added then. Ask `find` next.
   */
  addSame(seen: Item): boolean | Promise<void>
  /** Gives the kind's ThreadReader its settings, once, before the first `range` content. */
  readWith(settings: Connection['settings']): void
  /**
   * Adds the next item, which is the sink's from then on: nobody may write to its key and metadata any more. Wait for the promise,
   * where one comes back, before adding more (the pipeline is full). That of a stream resolves when its last byte was taken, so that
   * what it reads from may be closed then.
   */
  add(item: Item, content: Content): void | Promise<void>
  /** An item that could not be read: it is counted, the first reasons are kept, the point ends PARTIAL. */
  problem(problem: ItemProblem): void
}

export interface BackupRequest {
  readonly session: DriverSession
  readonly sink: BackupSink
}

export interface BackupSummary {
  /** Goes into the point's head; GetRecoveryPointRestoreMetadata answers from it. */
  readonly restoreMetadata: Readonly<Record<string, string>>
  /** Sentences for the job's message: what was left away on purpose. They fail nothing. */
  readonly notes?: readonly string[]
}

/** A recovery point opened for reading. */
export interface PointReader {
  readonly itemCount: number
  readonly contentBytes: number
  /** Pages of items in key order; `prefixes` limits them to keys that begin with one of these. */
  items(options?: { readonly prefixes?: readonly Uint8Array[] }): AsyncIterable<readonly StoredItem[]>
  /** The bytes of one item, authenticated; ends with an error rather than with wrong or missing bytes. */
  read(item: StoredItem, options?: { readonly signal?: AbortSignal }): AsyncIterable<Uint8Array>
  /** Writes the contents of many items through the kind's ThreadWriter in pour threads. */
  pour(
    tasks: AsyncIterable<readonly { readonly item: StoredItem; readonly task: Uint8Array }[]>,
    options: { readonly writer: Connection['settings']; readonly signal: AbortSignal },
  ): Promise<{ readonly written: number; readonly bytes: number; readonly problems: readonly ItemProblem[] }>
}

/** What a restore is to make of what. */
export interface RestoreWish {
  readonly session: DriverSession
  readonly point: PointReader
  /** Metadata of the StartRestoreJob call: string to string, unknown keys already refused. */
  readonly metadata: Readonly<Record<string, string>>
  readonly restoreMetadata: Readonly<Record<string, string>>
  /** The connection the target is reached through when it is not the source's own. */
  readonly target: RestoreTarget
}

/** What a restore puts under its final name, and how a later run of the job knows it from anything else of that name. */
export interface PlacedThing {
  readonly name: string
  /** The driver's own words. */
  readonly identity: string
}

export interface RestoreRequest extends RestoreWish {
  /** Which run of the job this is, from 1. Those before were cut off: what they made may be there, and they may still be at work. */
  readonly attempt: number
  /** What the last of the runs before told with `placing`, whether it came to that or not. */
  readonly placed: PlacedThing | undefined
  /**
   * Writes down what is about to be put under its final name; called right before.
   * @throws Where the job is another run's by now: nothing is to be put there.
   */
  placing(thing: PlacedThing): Promise<void>
  /**
   * Called once what an earlier run of the same job left is removed, and before anything new is made.
   * @throws Where the job is to end: nothing is there then.
   */
  begin(): Promise<void>
  /** Tells, in a sentence without its period, what stays at the target of a restore that does not end well. */
  left(what: string): void
  problem(problem: ItemProblem): void
  /** Bytes and items done since the last call. */
  progress(bytes: number, items: number): void
}

export interface RestoreSummary {
  readonly createdResourceArn: string
  /** What to register as a resource of its own; undefined where the target is registered already. */
  readonly created?: { readonly name: string; readonly settings: Connection['settings'] } | undefined
  readonly itemsRestored: number
  readonly itemsSkipped: number
  readonly bytes: number
  /** Sentences for the job's message: what was left away on purpose. They fail nothing. */
  readonly notes?: readonly string[]
}

/** Names of what is behind a connection. */
export interface Discovered {
  readonly names: readonly string[]
  /** There are more than `MAX_DISCOVERED`, of which only some are told. */
  readonly isCut: boolean
}

/** So many names one look tells at most. */
export const MAX_DISCOVERED = 10_000

/** What a restore test made. */
export interface RestoredThing {
  readonly session: DriverSession
  readonly targetArn: string
  /** What it is called where it lies: `awsbackup-restore-test-` and 32 hexadecimal digits. */
  readonly name: string
  /** ARN of the user that a restored database is read as; undefined for other kinds, and where the restore did not end. */
  readonly userArn?: string | undefined
}

/** Bytes of a restored file, as they are read back. */
export interface FileDigest {
  /** 64 lower-case hexadecimal digits. */
  readonly sha256: string
  readonly size: number
}

/** A query's answer: rows of values as PostgreSQL writes them as text; null is NULL. */
export type QueryRows = readonly (readonly (string | null)[])[]

/** What built-in validators read of what a restore test made. Every method is decided for the test's role. */
export interface RestoredContent {
  /** Files, directories and others with the root itself; objects; tables. */
  count(): Promise<number>
  /**
   * Reads back whole what an item of the recovery point became.
   * @throws {ItemError} Where it is not there, is something else, or cannot be read.
   */
  digest(item: StoredItem): Promise<FileDigest>
  /**
   * Runs one query that can change nothing.
   * @param limits.rows The answer is cut off there.
   * @throws {QueryRefusedError} Where it fails, takes longer, or would do more than read.
   */
  query(text: string, limits: { readonly rows: number; readonly milliseconds: number }): Promise<QueryRows>
}

/** How restore tests of a kind are validated. */
export interface DriverValidation {
  content(thing: RestoredThing): RestoredContent
  /** The items of a recovery point that a restore with this metadata makes, in key order. */
  items(
    point: Pick<PointReader, 'items'>,
    metadata: Readonly<Record<string, string>>,
    resourceName: string,
  ): AsyncIterable<readonly StoredItem[]>
  /** Whether an item has content that can be compared: a file or an object. */
  isFile(item: StoredItem): boolean
  /** The key of a path as people write it. @throws {ItemError} Where no item can have it. */
  keyOf(path: string): Uint8Array
}

/** A validator's query was not run to its end; the message says why, in words for who wrote it. */
export class QueryRefusedError extends Error {
  override name = 'QueryRefusedError'
}

export interface Driver {
  readonly kind: Kind
  /** Tests a connection before it is registered; the answer names rights that the source does not give. */
  test(connection: Connection, signal: AbortSignal): Promise<{ readonly warnings: readonly string[] }>
  /**
   * Lists what can be registered behind a connection that leads to a server, or to a directory of directories. Only for a caller that
   * was allowed to look there.
   */
  discover(connection: Connection, signal: AbortSignal): Promise<Discovered>
  backup(request: BackupRequest): Promise<BackupSummary>
  restore(request: RestoreRequest): Promise<RestoreSummary>
  /**
   * Looks at everything that `restore` finds out before it writes, under the same decisions, and changes nothing.
   * @throws {UnmetError} Behind the first that does not hold; it is among the checks.
   */
  checkRestore(wish: RestoreWish, checks: RestoreChecks): Promise<void>
  /** Removes what a restore test made, whole or in part; well done where nothing of its name is there. */
  removeRestored(thing: RestoredThing): Promise<void>
  readonly validation: DriverValidation
}

/** What a kind's `*-io.ts` file gives to a pour thread. Each thread makes its own; the settings are those of `readWith` or `pour`. */
export interface ThreadHalf {
  reader(settings: Connection['settings']): ThreadReader
  writer(settings: Connection['settings']): ThreadWriter
}

/**
 * The half of a driver that lives in a pour thread. All calls are synchronous; one object serves one thread. A big item may be
 * opened by several threads at once, each of which reads ranges of its own.
 *
 * An item that `open`, or `close` of a small one, refuses is a problem and is left out of the recovery point. One whose `close` names
 * a problem keeps the bytes that were read, and its size becomes their number.
 */
export interface ThreadReader {
  /**
   * `tasks` are what `open` will be called with next, one after the other; those of before are forgotten. Absent where knowing
   * them earlier would not help.
   */
  expect?(tasks: readonly Uint8Array[]): void
  /** Opens what `task` names. @throws {ItemError} When it cannot be read; the item is counted, the job goes on. */
  open(task: Uint8Array): void
  /** Fills `buffer[offset, offset + length)` from `position` of the opened thing; returns the bytes read, 0 at the end. */
  readInto(buffer: Uint8Array, offset: number, length: number, position: number): number
  /**
   * Closes it. `problem` says that it changed while it was read; `meta` replaces the item's metadata.
   * @throws {ItemError} As `open`, and only for an item of up to `SMALL_ITEM_BYTES`.
   */
  close(): { readonly problem?: string; readonly meta?: Uint8Array }
  /** Gives back what it holds between items (folder descriptors). Called once, after the last item or on failure. */
  end(): void
}

/**
 * An item of up to this size is read whole and closed before any of its bytes is kept: what `open` would have to look at
 * may be left to `close`.
 */
export const SMALL_ITEM_BYTES: number = 128 * 1024

/**
 * Writes items, one after another. Items of up to `WHOLE_ITEM_BYTES` are written by one thread from open to close; a bigger one
 * may be opened by several threads at once, each of which writes ranges of its own. An ItemError is a problem of the item;
 * any other error (a full disk) ends the pour.
 */
export interface ThreadWriter {
  open(task: Uint8Array, size: number): void
  write(buffer: Uint8Array, offset: number, length: number, position: number): void
  close(): void
  /** As ThreadReader's; also gives up an item that was opened and not closed. */
  end(): void
}

/** See ThreadWriter: what is bigger may be written by several threads at once. */
export const WHOLE_ITEM_BYTES: number = 4 * 1024 * 1024

/** One item could not be read or written. */
export class ItemError extends Error {
  override name = 'ItemError'
}
