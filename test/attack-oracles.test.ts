import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { AwsError } from '../src/aws/error.ts'
import { makeTenant } from './fixtures/tenant.ts'
import { openWorld, policy } from './fixtures/world.ts'

/** What one account learns of another by asking for what it is not given. */

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())
const tenant = await makeTenant(world, 'second')

test('R15 an account’s trail tells nothing of what another’s policies say, or whether there is anything', async () => {
  const { call, accountId: first } = world
  const Sid = 'KnownToTheFirstAccount'
  const trusting = async (RoleName: string, statement: object): Promise<void> => {
    const document = policy({ Sid, Action: 'sts:AssumeRole', Effect: 'Allow', ...statement })
    await call('iam', 'CreateRole', { RoleName, AssumeRolePolicyDocument: document })
  }
  const AWS = tenant.accountId
  const Condition = { StringEquals: { 'sts:ExternalId': 'hush' } }
  await trusting('closed', { Principal: { AWS: first } })
  await trusting('refuses', { Principal: { AWS }, Effect: 'Deny' })
  await trusting('asks', { Principal: { AWS }, Condition })
  await trusting('open', { Principal: { AWS } })
  const vaultOf = async (BackupVaultName: string, statement: object): Promise<string> => {
    const { BackupVaultArn = '' } = await call('backup', 'CreateBackupVault', { BackupVaultName })
    const document = policy({ Sid, Action: 'backup:ListTags', Resource: '*', ...statement })
    await call('backup', 'PutBackupVaultAccessPolicy', { BackupVaultName, Policy: document })
    return BackupVaultArn
  }
  const refusing = await vaultOf('refuses', { Effect: 'Deny', Principal: '*' })
  const closed = await vaultOf('closed', { Effect: 'Allow', Principal: { AWS: first } })
  const by = tenant.admin.call
  const assume = (name: string) => () =>
    by('sts', 'AssumeRole', { RoleArn: `arn:aws:iam::${first}:role/${name}`, RoleSessionName: 's1' })
  const look = (ResourceArn: string) => () => by('backup', 'ListTags', { ResourceArn })
  /** What is on record of each, but for when it was and on what. */
  const told = async (...refused: readonly (() => Promise<unknown>)[]): Promise<readonly string[]> => {
    for (const one of refused) await assert.rejects(one(), AwsError)
    const { Events } = await tenant.call('roleback', 'LookupAuditEvents', { Effect: 'Deny' })
    assert.ok(Events.length >= refused.length)
    const rows = world.rows<Readonly<Record<string, unknown>>>(
      `select action, effect, layer, reason, policy, statement, detail from audit
        where account_id = ? and effect = 'Deny' order by seq desc limit ?`,
      tenant.accountId,
      refused.length,
    )
    return rows.map((row) => JSON.stringify(row))
  }
  const ofRoles = await told(...['absent', 'closed', 'refuses', 'asks'].map(assume))
  assert.deepEqual(new Set(ofRoles).size, 1, ofRoles.join('\n'))
  const ofVaults = await told(look(refusing), look(closed), look(`${closed}-absent`))
  assert.deepEqual(new Set(ofVaults).size, 1, ofVaults.join('\n'))
  await assume('open')()
  const { Events } = await tenant.call('roleback', 'LookupAuditEvents', {})
  assert.ok(Events.some(({ Resource, Effect }) => Resource?.endsWith('role/open') && Effect === 'Allow'))
  assert.ok(!JSON.stringify(Events).includes(Sid))
  assert.ok(
    !JSON.stringify(world.rows('select * from audit where account_id = ?', tenant.accountId)).includes(Sid),
  )
  // His own account's absent role is told of, as before.
  await assert.rejects(
    by('sts', 'AssumeRole', { RoleArn: `arn:aws:iam::${AWS}:role/absent`, RoleSessionName: 's1' }),
  )
  const [own] = world.rows<{ reason: string }>('select reason from audit order by seq desc limit 1')
  assert.match(own?.reason ?? '', /no such role/)
})
