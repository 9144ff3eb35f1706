import assert from 'node:assert/strict'
import { BackupClient } from '@aws-sdk/client-backup'
import { IAMClient } from '@aws-sdk/client-iam'
import { ResourceGroupsTaggingAPIClient } from '@aws-sdk/client-resource-groups-tagging-api'
import { STSClient } from '@aws-sdk/client-sts'
import type { Credentials } from '../src/aws/client.ts'
import { openWorld } from './fixtures/world.ts'
import type { World } from './fixtures/world.ts'

/** The AWS SDK's own clients, which know nothing of this server but its address. */
export interface Clients {
  readonly backup: BackupClient
  readonly iam: IAMClient
  readonly sts: STSClient
  readonly tagging: ResourceGroupsTaggingAPIClient
}

/** A whole server in this process, and SDK clients of it. */
export interface TestServer extends AsyncDisposable {
  readonly world: World
  /** The root user's. */
  readonly clients: Clients
  clientsOf(credentials: Credentials): Clients
}

export async function startTestServer(options: Parameters<typeof openWorld>[0] = {}): Promise<TestServer> {
  const world = await openWorld(options)
  const open: Clients[] = []
  const clientsOf = (credentials: Credentials): Clients => {
    const { accessKeyId, secretAccessKey, sessionToken } = credentials
    const options = {
      endpoint: world.url,
      region: world.region,
      credentials: { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) },
      // A test that needs a second attempt hides the first one's failure.
      maxAttempts: 1,
    }
    const clients: Clients = {
      backup: new BackupClient(options),
      iam: new IAMClient(options),
      sts: new STSClient(options),
      tagging: new ResourceGroupsTaggingAPIClient(options),
    }
    open.push(clients)
    return clients
  }
  return {
    world,
    clients: clientsOf(world.rootKey),
    clientsOf,
    [Symbol.asyncDispose]: async () => {
      for (const clients of open)
        for (const client of Object.values<{ destroy(): void }>({ ...clients })) client.destroy()
      await world[Symbol.asyncDispose]()
    },
  }
}

/** For assert.rejects: an error of the SDK with this name and HTTP status, whose message holds `text`. */
export function sdkError(
  name: string,
  status: number,
  text: string | RegExp = '',
): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof Error, String(error))
    const { $metadata } = error as { $metadata?: { httpStatusCode?: number } }
    assert.deepEqual([error.name, $metadata?.httpStatusCode], [name, status], error.message)
    if (typeof text === 'string') assert.ok(error.message.includes(text), error.message)
    else assert.match(error.message, text)
    return true
  }
}
