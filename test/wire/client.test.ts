import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { callService, callerOf } from '../../src/aws/client.ts'
import { AwsError } from '../../src/aws/error.ts'
import { AlreadyExistsException } from '../../src/aws/generated/backup.ts'
import { NoSuchEntityException } from '../../src/aws/generated/iam.ts'
import { ACCESS_KEY_ID, SECRET_ACCESS_KEY, startCodecServer } from '../servers/codec.ts'

const server = await startCodecServer()
after(() => server[Symbol.asyncDispose]())
const credentials = { accessKeyId: ACCESS_KEY_ID, secretAccessKey: SECRET_ACCESS_KEY }
const call = callerOf(server.endpoint, credentials, 'eu-central-1')

const failsWith = (code: string, status: number) => (error: unknown) => {
  assert.ok(error instanceof AwsError, String(error))
  assert.deepEqual([error.code, error.status], [code, status])
  return true
}

test('callService() carries every member of a backup request and its answer', async () => {
  const startedAt = new Date('2026-11-01T10:20:30.250Z')
  const input = {
    BackupVaultName: 'vault_1',
    ResourceArn: 'arn:aws:s3:::bucket',
    IamRoleArn: 'arn:aws:iam::123456789012:role/x',
    RecoveryPointTags: { 'a b<&>': 'ünï 🗄', __proto__x: '' },
    Lifecycle: { DeleteAfterDays: 7, OptInToArchiveForSupportedResources: false },
  }
  server.outputs.set('StartBackupJob', { BackupJobId: 'J1', CreationDate: startedAt, IsParent: false })
  const output = await call('backup', 'StartBackupJob', input)
  assert.deepEqual(JSON.parse(JSON.stringify(server.seen.at(-1)?.input)), input)
  assert.deepEqual(output, { BackupJobId: 'J1', CreationDate: startedAt, IsParent: false })
})

test('callService() writes ARNs into paths and lists, times and booleans into queries', async () => {
  const arn = 'arn:aws:ec2:us-east-1::snapshot/snap 1/%2F+*'
  await call('backup', 'ListTags', { ResourceArn: arn, MaxResults: 5 })
  assert.deepEqual(server.seen.at(-1)?.input, { ResourceArn: arn, MaxResults: 5 })
  const ByCreatedAfter = new Date('2026-01-02T03:04:05Z')
  await call('backup', 'ListBackupJobs', { ByCreatedAfter, ByState: 'COMPLETED', NextToken: 'a+b/=&' })
  assert.deepEqual(server.seen.at(-1)?.input, { ByCreatedAfter, ByState: 'COMPLETED', NextToken: 'a+b/=&' })
  await call('backup', 'UntagResource', { ResourceArn: arn, TagKeyList: ['a', 'b c'] })
  assert.deepEqual(server.seen.at(-1)?.input, { ResourceArn: arn, TagKeyList: ['a', 'b c'] })
  await call('backup', 'DisassociateBackupVaultMpaApprovalTeam', { BackupVaultName: 'vault_1' })
  assert.equal(server.seen.at(-1)?.operation, 'DisassociateBackupVaultMpaApprovalTeam')
})

test('callService() carries lists, structures and markup through the query protocol', async () => {
  const role = {
    Path: '/a/',
    RoleName: 'r',
    RoleId: 'AROA1',
    Arn: 'arn:aws:iam::123456789012:role/a/r',
    CreateDate: new Date('2026-11-01T10:20:30Z'),
    AssumeRolePolicyDocument: '%7B%22a%22%3A1%7D',
    Description: ' <&>"\' \r\n\t 🗄 &amp; ',
    Tags: [
      { Key: 'k', Value: '' },
      { Key: 'ü', Value: 'a & b' },
    ],
  }
  server.outputs.set('CreateRole', { Role: role })
  const input = {
    RoleName: 'r',
    AssumeRolePolicyDocument: '{ "a": 1 }',
    Tags: [{ Key: 'ü', Value: 'a + b' }],
  }
  assert.deepEqual(await call('iam', 'CreateRole', input), { Role: role })
  assert.deepEqual(server.seen.at(-1)?.input, input)
  server.outputs.set('ListRoles', { Roles: [], IsTruncated: false })
  assert.deepEqual(await call('iam', 'ListRoles', {}), { Roles: [], IsTruncated: false })
  server.outputs.set('GetAccountSummary', { SummaryMap: { Users: 3, Roles: 0 } })
  assert.deepEqual({ ...(await call('iam', 'GetAccountSummary', {})).SummaryMap }, { Users: 3, Roles: 0 })
  server.outputs.set('DeleteRole', {})
  assert.deepEqual(await call('iam', 'DeleteRole', { RoleName: 'r' }), {})
})

test('callService() speaks JSON 1.1 and our own service', async () => {
  const mapping = { ResourceARN: 'arn:aws:s3:::b', Tags: [{ Key: 'a', Value: 'b' }] }
  server.outputs.set('GetResources', { PaginationToken: '', ResourceTagMappingList: [mapping] })
  const filters = [{ Key: 'a', Values: ['b', 'c'] }]
  const output = await call('tagging', 'GetResources', { TagFilters: filters })
  assert.deepEqual(output.ResourceTagMappingList, [mapping])
  assert.deepEqual(server.seen.at(-1)?.input, { TagFilters: filters })
  await call('roleback', 'DescribeServer', {})
  assert.equal(server.seen.at(-1)?.service, 'roleback')
  const session = { ...credentials, sessionToken: 'token/+=' }
  await callService(server.endpoint, session, 'eu-central-1', 'sts', 'GetCallerIdentity', {})
  assert.deepEqual(
    server.seen.at(-1)?.request.headers.find(([name]) => name === 'x-amz-security-token'),
    ['x-amz-security-token', 'token/+='],
  )
})

test('callService() throws the server’s error with its code, status, message and data', async () => {
  const arn = 'arn:aws:backup:eu-central-1:123456789012:backup-vault:v1'
  server.outputs.set('CreateBackupVault', new AlreadyExistsException('It is there <already>', { Arn: arn }))
  await assert.rejects(call('backup', 'CreateBackupVault', { BackupVaultName: 'v1' }), (error) => {
    failsWith('AlreadyExistsException', 400)(error)
    assert.deepEqual(
      [(error as AwsError).message, (error as AwsError).data['Arn']],
      ['It is there <already>', arn],
    )
    return true
  })
  server.outputs.set('GetRole', new NoSuchEntityException('The role <r> & co cannot be found.'))
  await assert.rejects(call('iam', 'GetRole', { RoleName: 'r' }), (error) => {
    failsWith('NoSuchEntity', 404)(error)
    return (error as AwsError).message === 'The role <r> & co cannot be found.'
  })
  const wrong = callerOf(server.endpoint, { ...credentials, secretAccessKey: 'no' }, 'eu-central-1')
  await assert.rejects(wrong('backup', 'ListBackupVaults', {}), failsWith('InvalidSignatureException', 403))
  await assert.rejects(wrong('sts', 'GetCallerIdentity', {}), failsWith('SignatureDoesNotMatch', 403))
})

test('callService() says what it could not reach, and takes no other page for an answer', async () => {
  const closed = callerOf('http://127.0.0.1:1', credentials, 'eu-central-1')
  await assert.rejects(
    closed('sts', 'GetCallerIdentity', {}),
    /Could not reach the server at http:\/\/127.0.0.1:1: .*ECONNREFUSED/,
  )
  const page = createServer((_, response) => response.end('<html><body>Hello<br></body></html>'))
  await new Promise<void>((resolve) => void page.listen(0, '127.0.0.1', resolve))
  const other = callerOf(
    `http://127.0.0.1:${(page.address() as AddressInfo).port}`,
    credentials,
    'eu-central-1',
  )
  await assert.rejects(other('sts', 'GetCallerIdentity', {}), failsWith('UnreadableAnswer', 200))
  await assert.rejects(other('backup', 'ListBackupVaults', {}), failsWith('UnreadableAnswer', 200))
  const stop = new AbortController()
  stop.abort()
  await assert.rejects(other('sts', 'GetCallerIdentity', {}, { signal: stop.signal }), { name: 'AbortError' })
  page.close()
  page.closeAllConnections()
})

test('callService() refuses a request whose path would name another resource', async () => {
  await assert.rejects(call('backup', 'DescribeBackupVault', { BackupVaultName: '' }), TypeError)
})
