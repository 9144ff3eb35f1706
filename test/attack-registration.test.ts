import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { startServer } from '../src/app.ts'
import { callerOf } from '../src/aws/client.ts'
import type { Call } from '../src/aws/client.ts'
import { AwsError } from '../src/aws/error.ts'
import { loadConfig } from '../src/config.ts'
import { createLog } from '../src/lib/log.ts'
import { registerOrders, startOrders } from './fixtures/orders.ts'
import { KIT_COST } from './fixtures/kit-cost.ts'
import { allow, makeUser, makeVault, openWorld, registerDirectory } from './fixtures/world.ts'
import type { World } from './fixtures/world.ts'
import { postgresMissing } from './servers/postgres.ts'

/** Registering is a grant: what somebody tries who may register and would like to reach more than that. */

const refused = (message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof AwsError, String(error))
  assert.match(error.message, message)
  return true
}

describe('R7 Registering never reaches the server itself', () => {
  let world: World
  let directory: string
  let restoreRoot: string

  const registerPath = async (Path: string, RestoreRoot: string = restoreRoot, call: Call = world.call) =>
    await call('roleback', 'RegisterResource', {
      ResourceType: 'EFS',
      Name: 'attack',
      Connection: { Path, RestoreRoot },
    })

  before(async () => {
    world = await openWorld()
    directory = join(world.scratch, 'plain')
    restoreRoot = join(world.scratch, 'restores')
    for (const path of [directory, restoreRoot]) mkdirSync(path)
    await makeVault(world, 'own')
  })

  after(async () => await world?.[Symbol.asyncDispose]())

  test('the data directory, what holds it and what lies in it are refused by every name', async () => {
    const link = join(world.scratch, 'link')
    symlinkSync(world.dataDir, link)
    const ways = [
      world.dataDir,
      `${directory}/../data`,
      link,
      join(link, 'vaults'),
      `/proc/self/root${world.dataDir}`,
      world.scratch,
      '/',
    ]
    for (const way of ways)
      await assert.rejects(registerPath(way), refused(/overlaps the server's own data/), way)
    for (const way of [world.dataDir, link, join(link, 'vaults')])
      await assert.rejects(registerPath(directory, way), refused(/overlaps the server's own data/), way)
  })

  test('a bind mount of the data directory, of a part of it or of what holds it is refused', (t) => {
    const mounted = join(world.scratch, 'mounted')
    mkdirSync(mounted)
    const bind = async (from: string, work: () => Promise<void>) => {
      execFileSync('mount', ['--bind', from, mounted], { stdio: 'ignore' })
      try {
        await work()
      } finally {
        execFileSync('umount', [mounted])
      }
    }
    try {
      execFileSync('mount', ['--bind', directory, mounted], { stdio: 'ignore' })
      execFileSync('umount', [mounted])
    } catch {
      return t.skip('bind mounts need root')
    }
    return (async () => {
      for (const from of [world.dataDir, join(world.dataDir, 'vaults'), world.scratch]) {
        await bind(from, async () => {
          await assert.rejects(registerPath(mounted), refused(/overlaps the server's own data/), from)
        })
      }
    })()
  })

  test('the folder of the recovery kit and its passphrase is refused', async () => {
    const kit = `${world.dataDir}-recovery`
    for (const way of [kit, `${kit}/.`])
      await assert.rejects(registerPath(way), refused(/overlaps the server's own/))
    await assert.rejects(registerPath(directory, kit), refused(/overlaps the server's own/))
  })

  test('a restore root inside another resource is refused', async () => {
    const other = await registerDirectory(world, 'other', (path) => mkdirSync(join(path, 'inner')))
    for (const root of [other.path, join(other.path, 'inner')])
      await assert.rejects(
        registerPath(directory, root),
        refused(/RestoreRoot|overlaps arn:aws:elasticfilesystem/),
      )
  })

  test('the server’s own address is refused in each of its spellings', async () => {
    const { port } = new URL(world.url)
    for (const host of [
      '127.0.0.1',
      'localhost',
      '127.9.9.9',
      '2130706433',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '[::ffff:7f00:1]',
    ]) {
      await assert.rejects(
        world.call('roleback', 'RegisterResource', {
          ResourceType: 'S3',
          Name: 'own-api',
          Connection: { Endpoint: `http://${host}:${port}`, AccessKeyId: 'AKIA' },
          Secret: 'secret',
        }),
        refused(/the server's own address/),
        host,
      )
    }
    for (const host of ['169.254.169.254', '[::ffff:169.254.169.254]', '[fe80::1]', '0.0.0.0', '0', '[::]']) {
      await assert.rejects(
        world.call('roleback', 'RegisterResource', {
          ResourceType: 'S3',
          Name: 'metadata',
          Connection: { Endpoint: `http://${host}`, AccessKeyId: 'AKIA' },
          Secret: 'secret',
        }),
        refused(/never connected to/),
        host,
      )
    }
  })

  test('a name that would bend the ARN is refused', async () => {
    const connection = {
      RDS: { Host: '127.0.0.1', Port: 1, User: 'u' },
      S3: { Endpoint: 'http://127.0.0.1:1', AccessKeyId: 'A' },
    }
    for (const name of ['*', 'a*', 'prod/secret', 'a:b', 'prod\n', '${aws:username}', '../x', 'a b']) {
      for (const ResourceType of ['RDS', 'S3'] as const) {
        await assert.rejects(
          world.call('roleback', 'RegisterResource', {
            ResourceType,
            Name: name,
            Connection: connection[ResourceType],
            Secret: 'x',
          }),
          refused(/cannot name a resource/),
          name,
        )
      }
    }
  })

  test('conditions on a connection meet what it really reaches', async () => {
    const allowed = join(world.scratch, 'allowed')
    mkdirSync(allowed)
    symlinkSync(directory, join(allowed, 'link'))
    const user = await makeUser(world, 'registrar', [
      {
        ...allow('roleback:RegisterResource'),
        Condition: {
          StringLike: {
            'roleback:Path': `${allowed}/*`,
            'roleback:RestoreRoot': `${world.scratch}/restores`,
          },
        },
      },
      {
        ...allow('roleback:RegisterResource'),
        Condition: { StringEquals: { 'roleback:Host': 'db.example.com' } },
      },
      {
        ...allow('roleback:RegisterResource'),
        Condition: {
          StringNotEquals: { 'roleback:Endpoint': 'http://s3.example.com:9000' },
          Null: { 'roleback:Endpoint': 'false' },
        },
      },
    ])
    const denied = refused(/not authorized to perform: roleback:RegisterResource/)
    await assert.rejects(registerPath(join(allowed, 'link'), restoreRoot, user.call), denied)
    await assert.rejects(registerPath(`${allowed}/../plain`, restoreRoot, user.call), denied)
    mkdirSync(join(allowed, 'good'))
    await assert.rejects(registerPath(join(allowed, 'good'), world.scratch, user.call), denied)
    // A member that the type does not look at proves nothing.
    await assert.rejects(
      user.call('roleback', 'RegisterResource', {
        ResourceType: 'EFS',
        Name: 'attack',
        Connection: {
          Path: directory,
          RestoreRoot: restoreRoot,
          Host: 'db.example.com',
          Endpoint: 'http://x',
        },
      }),
      denied,
    )
    await assert.rejects(
      user.call('roleback', 'RegisterResource', {
        ResourceType: 'S3',
        Name: 'bucket',
        Connection: { Endpoint: 'HTTP://S3.Example.com:9000/', AccessKeyId: 'A' },
        Secret: 'x',
      }),
      denied,
    )
    await registerPath(join(allowed, 'good'), restoreRoot, user.call)
  })
})

test('R7 the data directory is known by its real name where the server was given a link to it', async () => {
  const scratch = mkdtempSync(join(tmpdir(), 'roleback-attack-'))
  mkdirSync(join(scratch, 'real'))
  symlinkSync(join(scratch, 'real'), join(scratch, 'link'))
  const config = loadConfig(
    { dataDir: join(scratch, 'link', 'data'), listen: '127.0.0.1:0', region: 'us-east-1' },
    {
      ROLEBACK_ROOT_ACCESS_KEY_ID: 'AKIAROOTOFTESTS00001',
      ROLEBACK_ROOT_SECRET_ACCESS_KEY: 'root-secret-of-the-tests-1',
    },
  )
  const server = await startServer(
    config,
    createLog('json', () => undefined),
    { kitCost: KIT_COST },
  )
  try {
    const key = { accessKeyId: 'AKIAROOTOFTESTS00001', secretAccessKey: 'root-secret-of-the-tests-1' }
    const call = callerOf(server.url, key, 'us-east-1')
    mkdirSync(join(scratch, 'restores'))
    mkdirSync(join(scratch, 'real', 'data', 'inner'))
    for (const folder of ['data', 'data/inner', '.']) {
      await assert.rejects(
        call('roleback', 'RegisterResource', {
          ResourceType: 'EFS',
          Name: 'attack',
          Connection: { Path: join(scratch, 'real', folder), RestoreRoot: join(scratch, 'restores') },
        }),
        refused(/overlaps the server's own data/),
      )
    }
  } finally {
    await server.stop()
    rmSync(scratch, { recursive: true, force: true })
  }
})

describe('R7 One database has one ARN', { skip: postgresMissing() ?? false }, () => {
  test('a second ARN, a stored password for another database, and old tags are refused', async () => {
    await using world = await openWorld()
    await using orders = await startOrders(world)
    const arn = await registerOrders(orders, world.call)
    const registerAs = async (Name: string, Database: string) =>
      await world.call('roleback', 'RegisterResource', {
        ResourceType: 'RDS',
        Name,
        Connection: { ...orders.connection, Database },
        Secret: orders.password,
      })
    await assert.rejects(
      registerAs('alias', 'orders'),
      refused(/registered already as arn:aws:rds:.*:db:orders/),
    )
    await orders.server.sql('CREATE DATABASE prod OWNER shop')
    await assert.rejects(
      world.call('roleback', 'UpdateResource', { ResourceArn: arn, Connection: { Database: 'prod' } }),
      refused(/Changing database .* needs the secret again/),
    )
    await world.call('tagging', 'TagResources', { ResourceARNList: [arn], Tags: { trusted: 'yes' } })
    await world.call('roleback', 'DeregisterResource', { ResourceArn: arn })
    assert.equal((await registerAs('orders', 'prod')).ResourceArn, arn)
    const { Resource } = await world.call('roleback', 'DescribeResource', { ResourceArn: arn })
    assert.deepEqual(Resource.Tags, [], 'tags of an earlier registration passed to another thing')
  })
})
