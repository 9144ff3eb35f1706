import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { parseProfiles, profileFrom } from './aws-profile.ts'
import type { Call } from '../aws/client.ts'
import { clientFrom, endpointFrom } from './connect.ts'
import { roleArnOf } from './access/role-name.ts'

const folder = mkdtempSync(join(tmpdir(), 'roleback-profile-'))
after(() => rmSync(folder, { recursive: true }))
const credentials = join(folder, 'credentials')
const config = join(folder, 'config')
writeFileSync(
  credentials,
  '# ours\n[default]\naws_access_key_id=AKIADEFAULT\naws_secret_access_key = a=b/c+d\r\n[ops]\naws_access_key_id = AKIAOPS\naws_secret_access_key = s\naws_session_token = t\n',
)
writeFileSync(
  config,
  '[default]\nregion = eu-west-1\n[profile ops]\nregion = eu-central-1\nendpoint_url = http://127.0.0.1:9\ns3 =\n  addressing_style = path\n[profile bare]\nregion = x\n',
)
const env = { AWS_SHARED_CREDENTIALS_FILE: credentials, AWS_CONFIG_FILE: config }

test('parseProfiles() keeps values whole and skips comments and nested settings', () => {
  const profiles = parseProfiles('; c\nlost = 1\n[a]\nK = v = w \n s = nested\n[profile "b c"]\nk=\n')
  assert.deepEqual(
    [...profiles],
    [
      ['a', { k: 'v = w' }],
      ['b c', { k: '' }],
    ],
  )
})

test('roleArnOf() knows the path of the one role that consoles make', async () => {
  const call = (() => Promise.resolve({ Account: '111122223333' })) as unknown as Call
  const of = 'arn:aws:iam::111122223333:role/'
  for (const [name, arn] of [
    ['AWSBackupDefaultServiceRole', `${of}service-role/AWSBackupDefaultServiceRole`],
    ['service-role/AWSBackupDefaultServiceRole', `${of}service-role/AWSBackupDefaultServiceRole`],
    ['backups', `${of}backups`],
    ['arn:aws:iam::1:role/x', 'arn:aws:iam::1:role/x'],
  ] as const)
    assert.equal(await roleArnOf(call, name), arn)
})

test('profileFrom() joins the credentials and the config file of the named profile', () => {
  assert.deepEqual(profileFrom({ ...env, AWS_PROFILE: 'ops' }).settings, {
    region: 'eu-central-1',
    endpoint_url: 'http://127.0.0.1:9',
    s3: '',
    aws_access_key_id: 'AKIAOPS',
    aws_secret_access_key: 's',
    aws_session_token: 't',
  })
  assert.equal(profileFrom(env).settings['aws_secret_access_key'], 'a=b/c+d')
})

test('clientFrom() takes variables before files and falls back to the local server', () => {
  assert.deepEqual([clientFrom(env).endpoint, clientFrom(env).region], ['http://127.0.0.1:8420', 'eu-west-1'])
  const given = { AWS_ENDPOINT_URL: 'https://backup.example:1', AWS_REGION: 'us-west-2', AWS_PROFILE: 'ops' }
  const client = clientFrom({ ...env, ...given })
  assert.deepEqual([client.endpoint, client.region], ['https://backup.example:1', 'us-west-2'])
  assert.equal(clientFrom({ ...env, AWS_PROFILE: 'ops' }).endpoint, 'http://127.0.0.1:9')
})

test('clientFrom() says where it looked when there are no credentials', () => {
  assert.throws(() => clientFrom({ ...env, AWS_PROFILE: 'bare' }), {
    name: 'CommandError',
    message: new RegExp(`${credentials} has no keys for the profile "bare"`),
  })
})

test('endpointFrom() refuses what is no URL', () => {
  for (const bad of ['127.0.0.1:8420', 'ftp://x', '']) {
    assert.throws(() => endpointFrom({ ...env, AWS_ENDPOINT_URL: bad }), { name: 'CommandUsageError' })
  }
})
