import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { after, test } from 'node:test'
import { REGION, startApiServer } from '../servers/api.ts'

const server = await startApiServer()
after(() => server[Symbol.asyncDispose]())

const hasCli = spawnSync('aws', ['--version'], { stdio: 'ignore' }).status === 0
const hasBoto3 = spawnSync('python3', ['-c', 'import boto3'], { stdio: 'ignore' }).status === 0

interface Ended {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a client with nothing of this machine's own settings. Asynchronously: the server lives in this process. */
function run(command: string, args: readonly string[]): Promise<Ended> {
  const env = {
    PATH: process.env['PATH'],
    HOME: '/nonexistent',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_ENDPOINT_URL: server.endpoint,
    AWS_DEFAULT_REGION: REGION,
    AWS_MAX_ATTEMPTS: '1',
    AWS_ACCESS_KEY_ID: server.root.accessKeyId,
    AWS_SECRET_ACCESS_KEY: server.root.secretAccessKey,
    // pyenv's shims ask for it.
    PYENV_ROOT: process.env['PYENV_ROOT'] ?? '/root/.pyenv',
  }
  return new Promise((resolve) => {
    execFile(command, args, { env, timeout: 120_000 }, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
    )
  })
}

async function aws(...args: readonly string[]): Promise<Record<string, unknown>> {
  const { status, stdout, stderr } = await run('aws', [...args, '--output', 'json'])
  assert.equal(status, 0, `aws ${args.join(' ')}: ${stderr}`)
  return (stdout.trim() === '' ? {} : JSON.parse(stdout)) as Record<string, unknown>
}

const TRUST = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: 'backup.amazonaws.com' }, Action: 'sts:AssumeRole' }],
})

test(
  'the aws command line works unchanged',
  { skip: hasCli ? false : 'there is no aws command here' },
  async () => {
    const { Account, Arn } = await aws('sts', 'get-caller-identity')
    assert.deepEqual([Account, Arn], [server.accountId, `arn:aws:iam::${server.accountId}:root`])
    const vaultArn = `arn:aws:backup:${REGION}:${server.accountId}:backup-vault:cli_vault`
    const made = await aws(
      'backup',
      'create-backup-vault',
      '--backup-vault-name',
      'cli_vault',
      '--backup-vault-tags',
      'team=ü <x>',
    )
    assert.equal(made['BackupVaultArn'], vaultArn)
    const vault = await aws('backup', 'describe-backup-vault', '--backup-vault-name', 'cli_vault')
    assert.deepEqual([vault['BackupVaultArn'], vault['VaultType']], [vaultArn, 'BACKUP_VAULT'])
    assert.ok(Number(vault['CreationDate']) > 1.7e9 || /^20\d\d-/.test(String(vault['CreationDate'])))
    const { BackupVaultList } = await aws('backup', 'list-backup-vaults', '--max-results', '5')
    assert.ok(
      (BackupVaultList as readonly Record<string, unknown>[]).some(
        (one) => one['BackupVaultName'] === 'cli_vault',
      ),
    )
    assert.deepEqual((await aws('backup', 'list-tags', '--resource-arn', vaultArn))['Tags'], {
      team: 'ü <x>',
    })
    const { ResourceTagMappingList } = await aws(
      'resourcegroupstaggingapi',
      'get-resources',
      '--tag-filters',
      'Key=team',
    )
    assert.deepEqual(ResourceTagMappingList, [
      { ResourceARN: vaultArn, Tags: [{ Key: 'team', Value: 'ü <x>' }] },
    ])
    await aws('iam', 'create-role', '--role-name', 'cli-role', '--assume-role-policy-document', TRUST)
    const { Role } = await aws('iam', 'get-role', '--role-name', 'cli-role')
    const { RoleName, AssumeRolePolicyDocument } = Role as Record<string, unknown>
    assert.deepEqual([RoleName, AssumeRolePolicyDocument], ['cli-role', JSON.parse(TRUST)])
    const { Roles } = await aws('iam', 'list-roles')
    assert.ok((Roles as readonly Record<string, unknown>[]).some((one) => one['RoleName'] === 'cli-role'))
    await aws('iam', 'delete-role', '--role-name', 'cli-role')
    const gone = await run('aws', ['iam', 'get-role', '--role-name', 'cli-role'])
    assert.match(gone.stderr, /An error occurred \(NoSuchEntity\) when calling the GetRole operation/)
    const missing = await run('aws', ['backup', 'describe-backup-vault', '--backup-vault-name', 'none_such'])
    assert.match(
      missing.stderr,
      /An error occurred \(\w+Exception\) when calling the DescribeBackupVault operation/,
    )
    assert.deepEqual(server.errors, [])
  },
)

const SCRIPT = `
import boto3, json
from botocore.exceptions import ClientError
backup, iam, sts = boto3.client('backup'), boto3.client('iam'), boto3.client('sts')
out = {'account': sts.get_caller_identity()['Account']}
arn = backup.create_backup_vault(BackupVaultName='boto_vault', BackupVaultTags={'a b': 'c+d/ü'})['BackupVaultArn']
out['tags'] = backup.list_tags(ResourceArn=arn)['Tags']
backup.tag_resource(ResourceArn=arn, Tags={'x': 'y'})
backup.untag_resource(ResourceArn=arn, TagKeyList=['a b'])
out['tagsLater'] = backup.list_tags(ResourceArn=arn)['Tags']
out['created'] = backup.describe_backup_vault(BackupVaultName='boto_vault')['CreationDate'].year
try:
    backup.create_backup_vault(BackupVaultName='boto_vault')
except backup.exceptions.AlreadyExistsException as error:
    out['exists'] = [error.response['Error']['Code'], error.response['Arn'] == arn]
for name in ['boto-1', 'boto-2', 'boto-3']:
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(${TRUST}), Tags=[{'Key': 'k', 'Value': 'v w'}])
pages = iam.get_paginator('list_roles').paginate(PaginationConfig={'PageSize': 1})
out['roles'] = [role['RoleName'] for page in pages for role in page['Roles'] if role['RoleName'].startswith('boto-')]
out['trust'] = iam.get_role(RoleName='boto-1')['Role']['AssumeRolePolicyDocument']
try:
    iam.get_role(RoleName='none')
except iam.exceptions.NoSuchEntityException as error:
    out['missing'] = error.response['ResponseMetadata']['HTTPStatusCode']
url = sts.generate_presigned_url('get_caller_identity', HttpMethod='GET')
import urllib.request, urllib.error
try:
    out['presigned'] = urllib.request.urlopen(url).read().decode().find('<Account>') > 0
except urllib.error.HTTPError as error:
    out['presigned'] = url + error.read().decode()
print(json.dumps(out))
`

test(
  'boto3 works unchanged, presigned requests too',
  { skip: hasBoto3 ? false : 'python3 has no boto3 here' },
  async () => {
    const { status, stdout, stderr } = await run('python3', ['-c', SCRIPT])
    assert.equal(status, 0, stderr)
    const out = JSON.parse(stdout) as Record<string, unknown>
    assert.equal(typeof out['created'], 'number')
    delete out['created']
    assert.deepEqual(out, {
      account: server.accountId,
      tags: { 'a b': 'c+d/ü' },
      tagsLater: { x: 'y' },
      exists: ['AlreadyExistsException', true],
      roles: ['boto-1', 'boto-2', 'boto-3'],
      trust: JSON.parse(TRUST),
      missing: 404,
      presigned: true,
    })
    assert.deepEqual(server.errors, [])
  },
)
