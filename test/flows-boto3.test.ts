import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { fillSmallTree, listTree } from './fixtures/small-tree.ts'
import { openWorld, registerDirectory } from './fixtures/world.ts'
import { runTool } from './servers/run-tool.ts'

const hasBoto3 = spawnSync('python3', ['-c', 'import boto3'], { stdio: 'ignore' }).status === 0

test(
  'boto3 makes a role and a vault, backs a directory up, restores it, and takes everything away again',
  { skip: hasBoto3 ? false : 'python3 with boto3 is not installed' },
  async () => {
    await using world = await openWorld()
    const { arn, path, restoreRoot } = await registerDirectory(world, 'files', fillSmallTree)
    const script = join(import.meta.dirname, 'fixtures', 'flow.py')
    const env = {
      AWS_ACCESS_KEY_ID: world.rootKey.accessKeyId,
      AWS_SECRET_ACCESS_KEY: world.rootKey.secretAccessKey,
      AWS_DEFAULT_REGION: world.region,
      AWS_EC2_METADATA_DISABLED: 'true',
      HOME: world.scratch,
    }
    const report = JSON.parse(await runTool('python3', [script, world.url, arn], { env })) as {
      account: string
      created: string
    }
    assert.equal(report.account, world.accountId)
    assert.deepEqual(listTree(join(restoreRoot, 'by-boto')), listTree(path))
    const { Resource } = await world.call('roleback', 'DescribeResource', { ResourceArn: report.created })
    assert.equal(Resource.Connection?.Path, join(restoreRoot, 'by-boto'))
  },
)
