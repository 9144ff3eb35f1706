import type { Readable } from 'node:stream'
import { GetBucketAclCommand, GetBucketTaggingCommand, GetBucketVersioningCommand } from '@aws-sdk/client-s3'
import { GetObjectCommand, GetObjectTaggingCommand } from '@aws-sdk/client-s3'
import type { GetObjectCommandOutput, S3Client } from '@aws-sdk/client-s3'
import type { Step, StepTarget } from '../../kinds/kind.ts'
import { S3_SOURCE_INFO, s3, s3ObjectArn } from '../../kinds/s3.ts'
import { retry } from '../../lib/retry.ts'
import { factsOf, ItemError } from '../driver.ts'
import type { BackupRequest, BackupSummary, DriverSession, StoredItem } from '../driver.ts'
import { S3Clients, S3RequestError, isObjectError, request } from './s3-bucket-client.ts'
import { decodeMeta, encodeMeta, listPage, mapInOrder, printable, shownKey } from './s3-bucket-objects.ts'
import type { ListedObject, ListedPage, ObjectMeta } from './s3-bucket-objects.ts'

/** An object of a bucket; the only kind of item so far. */
export const KIND_OBJECT = 1

/** Objects that are read ahead of their turn, and how big they may be: 32 MiB of memory at most. */
const AHEAD = 32
const AHEAD_BYTES = 1024 * 1024
/** Tries of one body in all: the SDK repeats requests, but not what breaks after the answer's head. */
const BODY_ATTEMPTS = 4

type Prepared =
  | {
      readonly is: 'unchanged'
      readonly object: ListedObject
      readonly meta: ObjectMeta
      readonly parent: StoredItem
    }
  | {
      readonly is: 'read'
      readonly object: ListedObject
      readonly meta: ObjectMeta
      readonly bytes: Uint8Array
    }
  | {
      readonly is: 'big'
      readonly object: ListedObject
      readonly key: string
      readonly target: StepTarget
      readonly tags: Tags
    }
  | { readonly is: 'problem'; readonly object: ListedObject; readonly reason: string }

type Tags = Readonly<Record<string, string>>

/**
 * Lists a bucket and adds its objects in key order. Of each object the tags are read anew (they change without a trace in the
 * listing), and its reading is decided on its own ARN with those tags, also where ETag, size and time are the parent's and no
 * byte is read.
 */
export async function backUpBucket({ session, sink }: BackupRequest): Promise<BackupSummary> {
  using clients = new S3Clients()
  const run: Run = { session, clients, bucketTarget: s3.backupTarget(factsOf(session)) }
  await session.call(step('DescribeBackupVault'), run.bucketTarget, () => undefined)
  await session.call(step('TagRecoveryPoint'), run.bucketTarget, () => undefined)
  const { facts, problems } = await readBucketFacts(run)
  for (const reason of problems) sink.problem({ item: 'the bucket itself', reason })

  let added = 0
  let failed = 0
  const listed = listWithParents(run, sink.parent)
  for await (const prepared of mapInOrder(listed, AHEAD, (entry) => prepare(run, entry))) {
    session.signal.throwIfAborted()
    if (prepared.is === 'problem') {
      failed++
      sink.problem({ item: shownKey(prepared.object.keyBytes), reason: prepared.reason })
      continue
    }
    if (prepared.is === 'big') {
      const reason = await addBig(run, prepared, sink)
      if (reason !== undefined) {
        failed++
        sink.problem({ item: shownKey(prepared.object.keyBytes), reason })
        continue
      }
    } else {
      const { object, meta } = prepared
      const item = { key: object.keyBytes, kind: KIND_OBJECT, meta: encodeMeta(meta), size: object.size }
      if (object.size === 0) await sink.add(item, { from: 'none' })
      else if (prepared.is === 'unchanged') await sink.add(item, { from: 'parent', item: prepared.parent })
      else await sink.add(item, { from: 'stream', open: () => once(prepared.bytes) })
    }
    added++
  }
  if (added === 0 && failed > 0) {
    throw new Error(
      `No objects were backed up from the source bucket ${session.resource.name}: none of ${failed} could be read`,
    )
  }
  return {
    restoreMetadata: {
      DestinationBucketName: session.resource.name,
      NewBucket: 'false',
      [S3_SOURCE_INFO]: JSON.stringify(facts).slice(0, 4096),
    },
  }
}

interface Run {
  readonly session: DriverSession
  readonly clients: S3Clients
  readonly bucketTarget: StepTarget
}

function step(name: string): Step {
  return s3.backup[name] as Step
}

/** Tags, versioning and owner of the bucket. What the server does not have at all is left away; a refusal is a problem. */
async function readBucketFacts(run: Run): Promise<{ facts: Record<string, unknown>; problems: string[] }> {
  const { session, clients } = run
  const facts: Record<string, unknown> = {}
  const problems: string[] = []
  const read = async (
    name: string,
    send: (client: S3Client, bucket: string) => Promise<unknown>,
  ): Promise<void> => {
    try {
      await session.call(step(name), run.bucketTarget, (connection) => {
        const { client, settings } = clients.of(connection)
        return request(`${name} of bucket "${settings.bucket}"`, session.signal, () =>
          send(client, settings.bucket),
        )
      })
    } catch (error) {
      if (!(error instanceof S3RequestError)) throw error
      if (error.code === 'NoSuchTagSet' || error.status === 501 || error.status === 405) return
      if (!isObjectError(error)) throw error
      problems.push(error.message)
    }
  }
  const options = { abortSignal: session.signal }
  await read('GetBucketTagging', async (client, Bucket) => {
    const { TagSet = [] } = await client.send(new GetBucketTaggingCommand({ Bucket }), options)
    facts['tags'] = tagsOf(TagSet)
  })
  await read('GetBucketVersioning', async (client, Bucket) => {
    facts['versioning'] =
      (await client.send(new GetBucketVersioningCommand({ Bucket }), options)).Status ?? 'Off'
  })
  await read('GetBucketAcl', async (client, Bucket) => {
    facts['owner'] = (await client.send(new GetBucketAclCommand({ Bucket }), options)).Owner?.ID
  })
  return { facts, problems }
}

interface Entry {
  readonly object: ListedObject
  readonly parent: StoredItem | undefined
}

/** Pages are asked for while objects of the one before are still being read; the parent is walked beside, in order. */
async function* listWithParents(
  run: Run,
  parent: BackupRequest['sink']['parent'],
): AsyncGenerator<Entry, void, void> {
  const { session, clients } = run
  let position: { token: string | undefined; after: Uint8Array | undefined } = {
    token: undefined,
    after: undefined,
  }
  let total = 0
  for (;;) {
    const here = position
    const page: ListedPage = await session.call(step('ListObjects'), run.bucketTarget, (connection) => {
      const { client, settings } = clients.of(connection)
      return listPage(client, settings.bucket, here, session.signal)
    })
    for (const { size } of page.objects) total += size
    session.expect(total)
    for (const object of page.objects) yield { object, parent: await parent?.find(object.keyBytes) }
    if (page.next === undefined) return
    position = { token: page.next, after: page.objects.at(-1)?.keyBytes }
  }
}

/** Reads what can be read ahead of the object's turn. Denials of the role end the job; refusals of the server are problems. */
async function prepare(run: Run, { object, parent }: Entry): Promise<Prepared> {
  const { session, clients } = run
  const { key } = object
  if (key === undefined)
    return { is: 'problem', object, reason: 'its key is not UTF-8: S3 clients cannot ask for it' }
  const objectTarget: StepTarget = { ...run.bucketTarget, objectArn: s3ObjectArn(session.resource.arn, key) }
  try {
    const tags = await session.call(step('ReadObjectTags'), objectTarget, async (connection) => {
      const { client, settings } = clients.of(connection)
      const command = new GetObjectTaggingCommand({ Bucket: settings.bucket, Key: key })
      const { TagSet = [] } = await request(
        `Reading tags of ${printable(object.keyBytes)}`,
        session.signal,
        () => client.send(command, { abortSignal: session.signal }),
      )
      return tagsOf(TagSet)
    })
    const target: StepTarget = { ...objectTarget, resourceTags: tags }
    if (parent !== undefined && isUnchanged(object, parent)) {
      await session.call(step('ReadObject'), target, () => undefined)
      const { tags: _earlier, ...kept } = decodeMeta(parent.meta)
      const meta = { ...kept, ...tagMember(tags) }
      return { is: 'unchanged', object, meta, parent }
    }
    if (object.size > AHEAD_BYTES) return { is: 'big', object, key, target, tags }
    return await session.call(step('ReadObject'), target, async (connection) => {
      const { client, settings } = clients.of(connection)
      return await readWhole(client, settings.bucket, { object, key, tags, signal: session.signal })
    })
  } catch (error) {
    if (error instanceof ItemError || isObjectError(error)) {
      return { is: 'problem', object, reason: describeRefusal(error) }
    }
    throw error
  }
}

function isUnchanged(object: ListedObject, parent: StoredItem): boolean {
  if (parent.kind !== KIND_OBJECT || parent.size !== object.size || object.etag === undefined) return false
  const { etag, modifiedAt } = decodeMeta(parent.meta)
  return etag === object.etag && modifiedAt === object.modifiedAt
}

interface Reading {
  readonly object: ListedObject
  readonly key: string
  readonly tags: Tags
  readonly signal: AbortSignal
}

async function readWhole(client: S3Client, bucket: string, reading: Reading): Promise<Prepared> {
  const { object, tags, signal } = reading
  const read = async (): Promise<Prepared> => {
    const answer = await getObject(client, bucket, reading, 0)
    const bytes = await request(`Reading ${printable(object.keyBytes)}`, signal, async () =>
      answer.Body === undefined ? new Uint8Array() : await answer.Body.transformToByteArray(),
    )
    if (bytes.length !== object.size) throw cutShort(object, bytes.length)
    return { is: 'read', object, meta: metaOf(object, answer, tags), bytes }
  }
  return await retry(read, {
    attempts: BODY_ATTEMPTS,
    minDelayMs: 100,
    maxDelayMs: 2000,
    signal,
    isRetryable: (error) => error instanceof S3RequestError && error.status === undefined,
  })
}

/** Asks for the object from `start` on, as long as it is the one that was listed. */
async function getObject(
  client: S3Client,
  bucket: string,
  { object, key, signal }: Reading,
  start: number,
): Promise<GetObjectCommandOutput> {
  const command = new GetObjectCommand({
    Bucket: bucket,
    Key: key,
    ...(object.etag === undefined ? {} : { IfMatch: object.etag }),
    ...(start === 0 ? {} : { Range: `bytes=${start}-` }),
  })
  const answer = await request(`Reading ${printable(object.keyBytes)}`, signal, () =>
    client.send(command, { abortSignal: signal }),
  )
  if (answer.ContentLength === object.size - start) return answer
  // Its socket would wait for somebody to read it.
  ;(answer.Body as Readable | undefined)?.destroy()
  throw cutShort(object, start + (answer.ContentLength ?? 0))
}

/**
 * Adds a big object: the request is made when its turn has come, and the call stays open until the sink has taken the last byte.
 * @returns {Promise<string | undefined>} Why it could not be read; nothing was added then.
 */
async function addBig(
  run: Run,
  { object, key, target, tags }: Extract<Prepared, { is: 'big' }>,
  sink: BackupRequest['sink'],
): Promise<string | undefined> {
  const { session, clients } = run
  try {
    await session.call(step('ReadObject'), target, async (connection) => {
      const { client, settings } = clients.of(connection)
      const reading: Reading = { object, key, tags, signal: session.signal }
      const answer = await getObject(client, settings.bucket, reading, 0)
      const item = {
        key: object.keyBytes,
        kind: KIND_OBJECT,
        meta: encodeMeta(metaOf(object, answer, tags)),
        size: object.size,
      }
      const open = (): AsyncIterable<Uint8Array> => streamBody(client, settings.bucket, reading, answer)
      await sink.add(item, { from: 'stream', open })
    })
    return undefined
  } catch (error) {
    if (error instanceof ItemError || isObjectError(error)) return describeRefusal(error)
    throw error
  }
}

/** The body; where the connection breaks it goes on from the same byte of the same object. */
async function* streamBody(
  client: S3Client,
  bucket: string,
  reading: Reading,
  first: GetObjectCommandOutput,
): AsyncGenerator<Uint8Array, void, void> {
  const { object, signal } = reading
  let position = 0
  let answer = first
  for (let attempt = 1; ; attempt++) {
    try {
      for await (const chunk of (answer.Body ?? []) as AsyncIterable<Uint8Array>) {
        position += chunk.length
        if (position > object.size) throw cutShort(object, position)
        yield chunk
      }
      if (position === object.size) return
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof ItemError || attempt >= BODY_ATTEMPTS) throw asItemError(error)
    }
    if (attempt >= BODY_ATTEMPTS) throw cutShort(object, position)
    try {
      answer = await getObject(client, bucket, reading, position)
    } catch (error) {
      throw asItemError(error)
    }
  }
}

/** Inside a stream only an ItemError says "leave this one out". */
function asItemError(error: unknown): unknown {
  return isObjectError(error) ? new ItemError(describeRefusal(error), { cause: error }) : error
}

function cutShort(object: ListedObject, found: number): ItemError {
  return new ItemError(`it was listed with ${object.size} bytes and came with ${found}`)
}

function describeRefusal(error: ItemError | S3RequestError): string {
  if (!(error instanceof S3RequestError)) return error.message
  if (error.status === 412) return 'it was replaced while the bucket was read'
  if (error.status === 404) return 'it was deleted while the bucket was read'
  return error.message
}

function tagsOf(
  set: readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[],
): Tags {
  return Object.fromEntries(set.map(({ Key = '', Value = '' }) => [Key, Value]))
}

function tagMember(tags: Tags): { tags: Tags } | { tags?: never } {
  return Object.keys(tags).length > 0 ? { tags } : {}
}

function metaOf(object: ListedObject, answer: GetObjectCommandOutput, tags: Tags): ObjectMeta {
  const user = Object.entries(answer.Metadata ?? {}).map(([key, value]) => [key, headerText(value)])
  const members = {
    contentType: answer.ContentType,
    contentEncoding: answer.ContentEncoding,
    contentDisposition: answer.ContentDisposition,
    contentLanguage: answer.ContentLanguage,
    cacheControl: answer.CacheControl,
    expires: answer.ExpiresString,
    redirect: answer.WebsiteRedirectLocation,
    user: user.length > 0 ? Object.fromEntries(user) : undefined,
    etag: object.etag,
    versionId: answer.VersionId,
    storageClass: object.storageClass,
  }
  const present = Object.entries(members).filter(([, value]) => value !== undefined && value !== '')
  return { ...Object.fromEntries(present), modifiedAt: object.modifiedAt, ...tagMember(tags) }
}

/** Node hands headers over as Latin-1; S3 clients write UTF-8 into them. */
function headerText(value: string): string {
  const bytes = Buffer.from(value, 'latin1')
  const text = bytes.toString('utf8')
  return Buffer.from(text).equals(bytes) ? text : value
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  yield bytes
}
