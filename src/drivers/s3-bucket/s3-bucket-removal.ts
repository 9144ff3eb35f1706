import { DeleteBucketCommand, DeleteObjectCommand } from '@aws-sdk/client-s3'
import { removalStep } from '../../kinds/restore-test.ts'
import { s3ObjectArn } from '../../kinds/s3.ts'
import type { RestoredThing } from '../driver.ts'
import { S3Clients, S3RequestError, request } from './s3-bucket-client.ts'
import { listPage, mapInOrder, printable } from './s3-bucket-objects.ts'
import type { ListedObject } from './s3-bucket-objects.ts'

/** Deletions under way at once. */
const AT_ONCE = 16

/** Empties and deletes the bucket that a restore test made. */
export async function removeRestoredBucket(thing: RestoredThing): Promise<void> {
  const { session, targetArn, name: Bucket } = thing
  const target = { resourceArn: session.resource.arn, targetArn }
  using clients = new S3Clients()
  try {
    for await (const _ of mapInOrder(objectsOf(thing, clients), AT_ONCE, async ({ key, keyBytes }) => {
      if (key === undefined)
        throw new Error(`The key ${printable(keyBytes)} in bucket "${Bucket}" is no text: delete it there`)
      const objectArn = s3ObjectArn(targetArn, key)
      await session.call(removalStep('S3', 'DeleteObject'), { ...target, objectArn }, async (connection) => {
        const { client } = clients.of(connection)
        const command = new DeleteObjectCommand({ Bucket, Key: key })
        await request(`Deleting ${JSON.stringify(key)} in bucket "${Bucket}"`, session.signal, () =>
          client.send(command, { abortSignal: session.signal }),
        )
      })
    }));
    await session.call(removalStep('S3', 'DeleteBucket'), target, async (connection) => {
      const { client } = clients.of(connection)
      await request(`Deleting bucket "${Bucket}"`, session.signal, () =>
        client.send(new DeleteBucketCommand({ Bucket }), { abortSignal: session.signal }),
      )
    })
  } catch (error) {
    if (!(error instanceof S3RequestError && error.code === 'NoSuchBucket')) throw error
  }
}

async function* objectsOf(
  { session, targetArn, name: bucket }: RestoredThing,
  clients: S3Clients,
): AsyncGenerator<ListedObject, void, void> {
  const target = { resourceArn: session.resource.arn, targetArn }
  let position: Parameters<typeof listPage>[2] | undefined = { token: undefined, after: undefined }
  while (position !== undefined) {
    const here: Parameters<typeof listPage>[2] = position
    const { objects, next } = await session.call(removalStep('S3', 'ListBucket'), target, (connection) =>
      listPage(clients.of(connection).client, bucket, here, session.signal),
    )
    yield* objects
    position = next === undefined ? undefined : { token: next, after: objects.at(-1)?.keyBytes }
  }
}
