import { createHash } from 'node:crypto'
import { GetObjectCommand } from '@aws-sdk/client-s3'
import { validationStep } from '../../kinds/restore-test.ts'
import { s3ItemsToRestore, s3ObjectArn } from '../../kinds/s3.ts'
import { ItemError, QueryRefusedError } from '../driver.ts'
import type { DriverValidation, FileDigest, RestoredThing, StoredItem } from '../driver.ts'
import { KIND_OBJECT } from './s3-bucket-backup.ts'
import { S3Clients, isObjectError, request, requestError } from './s3-bucket-client.ts'
import { decodeMeta, keyText, listPage, printable } from './s3-bucket-objects.ts'

/** Reads the bucket that a restore test made. */
export const bucketValidation: DriverValidation = {
  content: (thing) => ({
    count: () => countObjects(thing),
    digest: (item) => digestObject(thing, item),
    query: () => Promise.reject(new QueryRefusedError('A bucket answers no query')),
  }),
  items: (point, { ItemsToRestore = '' }, resourceName) => {
    const prefixes = ItemsToRestore === '' ? undefined : s3ItemsToRestore(ItemsToRestore, resourceName)
    return point.items(prefixes && { prefixes: prefixes.map((prefix) => Buffer.from(prefix)) })
  },
  isFile: ({ kind }) => kind === KIND_OBJECT,
  keyOf: (path) => Buffer.from(path),
}

async function countObjects({ session, targetArn, name: bucket }: RestoredThing): Promise<number> {
  const target = { resourceArn: session.resource.arn, targetArn }
  using clients = new S3Clients()
  let count = 0
  let position: Parameters<typeof listPage>[2] | undefined = { token: undefined, after: undefined }
  while (position !== undefined) {
    const here: Parameters<typeof listPage>[2] = position
    const { objects, next } = await session.call(validationStep('S3', 'ListBucket'), target, (connection) =>
      listPage(clients.of(connection).client, bucket, here, session.signal),
    )
    count += objects.length
    position = next === undefined ? undefined : { token: next, after: objects.at(-1)?.keyBytes }
  }
  return count
}

async function digestObject(thing: RestoredThing, item: StoredItem): Promise<FileDigest> {
  const { session, targetArn, name: Bucket } = thing
  const Key = keyText(item.key)
  if (Key === undefined) throw new ItemError(`The key ${printable(item.key)} is no text`)
  const objectArn = s3ObjectArn(targetArn, Key)
  const target = {
    resourceArn: session.resource.arn,
    resourceTags: decodeMeta(item.meta).tags,
    targetArn,
    objectArn,
  }
  using clients = new S3Clients()
  return await session.call(validationStep('S3', 'ReadObject'), target, async (connection) => {
    const { client } = clients.of(connection)
    const what = `Reading ${JSON.stringify(Key)} in bucket "${Bucket}"`
    const hash = createHash('sha256')
    let size = 0
    try {
      const { Body } = await request(what, session.signal, () =>
        client.send(new GetObjectCommand({ Bucket, Key }), { abortSignal: session.signal }),
      )
      for await (const bytes of Body as AsyncIterable<Uint8Array>) {
        hash.update(bytes)
        size += bytes.length
      }
    } catch (error) {
      session.signal.throwIfAborted()
      const told = requestError(what, error)
      throw isObjectError(told) ? new ItemError(told.message, { cause: error }) : told
    }
    return { sha256: hash.digest('hex'), size }
  })
}
