import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { openContext } from '../../test/fixtures/context.ts'
import { questionOf } from '../access/authorize.ts'
import { roleArn } from '../access/identity-arns.ts'
import type { Principal } from '../access/principal.ts'
import { openSession } from '../access/session.ts'
import type { SessionContent } from '../access/session.ts'
import { AwsError } from '../aws/error.ts'
import type { AssumeRoleRequest, AssumeRoleResponse } from '../aws/generated/sts.ts'
import type { Context } from '../context.ts'
import { ServerKey } from '../keyring/server-key.ts'
import { iamId } from '../lib/ids.ts'
import { evaluate } from '../policy/evaluate.ts'
import { findDenial } from '../store/audit/denials.ts'
import { putInlinePolicy } from '../store/identity/identities-attachments.ts'
import { insertRole, insertUser } from '../store/identity/identities.ts'
import type { RoleTable } from '../store/schema.ts'
import { assumeRole } from './assume-role.ts'
import { sts } from './operations.ts'

const ACCOUNT = '111122223333'
const OTHER = '999988887777'
const NOW = Date.UTC(2026, 0, 1)

test('a user whom the trust policy names gets a session of the role', async (t) => {
  const { ctx, user, addRole } = await setUp(t)
  const role = await addRole('backup', { AWS: user.uniqueId }, ['sts:AssumeRole'])
  const { answer, session } = await assume(ctx, { RoleArn: roleArn(role), RoleSessionName: 'nightly' })
  assert.equal(answer.AssumedRoleUser?.Arn, `arn:aws:sts::${ACCOUNT}:assumed-role/backup/nightly`)
  assert.equal(answer.AssumedRoleUser?.AssumedRoleId, `${role.role_id}:nightly`)
  assert.equal(answer.Credentials?.Expiration.getTime(), NOW + 3_600_000)
  assert.equal(answer.PackedPolicySize, undefined)
  assert.equal(session.identityId, role.role_id)
  assert.equal(session.secretAccessKey, answer.Credentials?.SecretAccessKey)
})

test('naming the account alone lets nobody in without a policy of his own', async (t) => {
  const { ctx, addRole } = await setUp(t)
  const role = await addRole('backup', { AWS: `arn:aws:iam::${ACCOUNT}:root` }, ['sts:AssumeRole'])
  await refused(assumeRole(ctx, { RoleArn: roleArn(role), RoleSessionName: 's' }), 'AccessDenied', /identity/)
})

test('a trust policy with the id of a deleted user does not admit his namesake', async (t) => {
  const { ctx, addRole } = await setUp(t)
  const role = await addRole('backup', { AWS: iamId('AIDA') }, ['sts:AssumeRole'])
  await refused(assumeRole(ctx, { RoleArn: roleArn(role), RoleSessionName: 's' }), 'AccessDenied', /trust/)
})

test('the external id must be the one that the trust policy asks for', async (t) => {
  const { ctx, user, addRole } = await setUp(t)
  const condition = { StringEquals: { 'sts:ExternalId': 'right' } }
  const role = await addRole('backup', { AWS: user.uniqueId }, ['sts:AssumeRole'], condition)
  const request = { RoleArn: roleArn(role), RoleSessionName: 's' }
  await refused(assumeRole(ctx, request), 'AccessDenied', /sts:AssumeRole/)
  await refused(assumeRole(ctx, { ...request, ExternalId: 'wrong' }), 'AccessDenied', /sts:AssumeRole/)
  assert.ok((await assumeRole(ctx, { ...request, ExternalId: 'right' })).Credentials)
})

test('session tags need sts:TagSession beside sts:AssumeRole', async (t) => {
  const { ctx, user, addRole } = await setUp(t)
  const plain = await addRole('plain', { AWS: user.uniqueId }, ['sts:AssumeRole'])
  const tagged = await addRole('tagged', { AWS: user.uniqueId }, ['sts:AssumeRole', 'sts:TagSession'])
  const request = { RoleSessionName: 's', Tags: [{ Key: 'team', Value: 'db' }] }
  await refused(assumeRole(ctx, { ...request, RoleArn: roleArn(plain) }), 'AccessDenied', /sts:TagSession/)
  const { session } = await assume(ctx, { ...request, RoleArn: roleArn(tagged) })
  assert.deepEqual(session.tags, { team: 'db' })
})

test('transitive tags are handed on to a chained session, and cannot be set anew there', async (t) => {
  const { ctx, user, addRole } = await setUp(t)
  const first = await addRole('first', { AWS: user.uniqueId }, ['sts:AssumeRole', 'sts:TagSession'])
  const second = await addRole('second', { AWS: first.role_id }, ['sts:AssumeRole', 'sts:TagSession'])
  const { session } = await assume(ctx, {
    RoleArn: roleArn(first),
    RoleSessionName: 's',
    Tags: [
      { Key: 'team', Value: 'db' },
      { Key: 'shift', Value: 'night' },
    ],
    TransitiveTagKeys: ['team'],
  })
  const chained = { ...ctx, principal: sessionPrincipal(first, session) }
  const request = { RoleArn: roleArn(second), RoleSessionName: 's' }
  assert.deepEqual((await assume(chained, request)).session.tags, { team: 'db' })
  const again = assumeRole(chained, { ...request, Tags: [{ Key: 'TEAM', Value: 'other' }] })
  await refused(again, 'InvalidParameterValue', /transitive tag key/)
})

test('a session lasts an hour at most when chained, and never longer than its role allows', async (t) => {
  const { ctx, user, addRole } = await setUp(t)
  const first = await addRole('first', { AWS: user.uniqueId }, ['sts:AssumeRole'])
  const second = await addRole('second', { AWS: first.role_id }, ['sts:AssumeRole'])
  const long = { RoleArn: roleArn(first), RoleSessionName: 's', DurationSeconds: 43_201 }
  await refused(assumeRole(ctx, long), 'ValidationError', /MaxSessionDuration/)
  const { session } = await assume(ctx, { ...long, DurationSeconds: 43_200 })
  assert.equal(session.session.expiresAt, NOW + 43_200_000)
  const chained = { ...ctx, principal: sessionPrincipal(first, session) }
  const request = { RoleArn: roleArn(second), RoleSessionName: 's', DurationSeconds: 3_601 }
  await refused(assumeRole(chained, request), 'ValidationError', /1 hour session limit/)
  assert.equal(
    (await assume(chained, { ...request, DurationSeconds: 3_600 })).session.session.isChained,
    true,
  )
})

test('the root user cannot assume a role', async (t) => {
  const { ctx, addRole } = await setUp(t)
  const role = await addRole('backup', { AWS: `arn:aws:iam::${ACCOUNT}:root` }, ['sts:AssumeRole'])
  const request = { RoleArn: roleArn(role), RoleSessionName: 's' }
  await refused(assumeRole({ ...ctx, principal: ROOT }, request), 'AccessDenied', /root accounts/)
})

test('session policies narrow the role, and are refused where they are no policies', async (t) => {
  const { ctx, user, addRole } = await setUp(t)
  const role = await addRole('backup', { AWS: user.uniqueId }, ['sts:AssumeRole'])
  const request = { RoleArn: roleArn(role), RoleSessionName: 's' }
  await refused(assumeRole(ctx, { ...request, Policy: '{"Statement":7}' }), 'MalformedPolicyDocument', /./)
  const big = policy('s'.repeat(2_048))
  await refused(assumeRole(ctx, { ...request, Policy: big }), 'ValidationError', /2048/)
  const unknown = [{ arn: `arn:aws:iam::${ACCOUNT}:policy/none` }]
  await refused(assumeRole(ctx, { ...request, PolicyArns: unknown }), 'MalformedPolicyDocument', /none/)
  const { answer, session } = await assume(ctx, { ...request, Policy: policy('s') })
  assert.deepEqual(session.session.policies, [policy('s')])
  assert.ok((answer.PackedPolicySize ?? 0) > 0)
})

test('a role that is not there is refused like one that does not admit the caller', async (t) => {
  const { ctx } = await setUp(t)
  const request = { RoleArn: `arn:aws:iam::${ACCOUNT}:role/none`, RoleSessionName: 's' }
  await refused(assumeRole(ctx, request), 'AccessDenied', /not authorized to perform: sts:AssumeRole/)
})

test('R15 another account’s role is refused alike whether it is there or not, and its own account learns why', async (t) => {
  const { ctx, user, addRole } = await setUp(t)
  const mine = await addRole('backup', { AWS: iamId('AIDA') }, ['sts:AssumeRole'])
  const theirs = { ...mine, account_id: OTHER, role_id: iamId('AROA') }
  assert.ok(await insertRole(ctx.store.db, theirs))
  const messageOf = async (RoleArn: string): Promise<readonly [string, string]> => {
    try {
      await assumeRole(ctx, { RoleArn, RoleSessionName: 's' })
    } catch (error) {
      const [sentence = '', id = ''] = (error as Error).message.split(/\. Authorization id: (\w+) .*/)
      return [sentence, id]
    }
    return assert.fail('it was allowed')
  }
  const there = `arn:aws:iam::${OTHER}:role/backup`
  const absent = `arn:aws:iam::${OTHER}:role/absent`
  const lacking = 'because no identity-based policy allows the sts:AssumeRole action'
  const sentence = `User: ${user.arn} is not authorized to perform: sts:AssumeRole on resource: `
  assert.equal((await messageOf(there))[0], `${sentence}${there} ${lacking}`)
  assert.equal((await messageOf(absent))[0], `${sentence}${absent} ${lacking}`)
  await putInlinePolicy(ctx.store.db, {
    account_id: ACCOUNT,
    identity_id: user.uniqueId,
    name: 'own',
    document: policy('own').replace('backup:*', 'sts:AssumeRole'),
  })
  const [ofRole, id] = await messageOf(there)
  const [ofNothing, idOfNothing] = await messageOf(absent)
  assert.deepEqual([ofRole, ofNothing], [`${sentence}${there}`, `${sentence}${absent}`])
  const toOwner = await findDenial(ctx.store.db, OTHER, id)
  assert.match(toOwner?.proposals ?? '', /trust policy of arn:aws:iam::.*:role\/backup/)
  assert.match((await findDenial(ctx.store.db, ACCOUNT, id))?.proposals ?? '', /its owner must allow this/)
  assert.equal(await findDenial(ctx.store.db, OTHER, idOfNothing), undefined)
  assert.doesNotMatch(JSON.stringify(await findDenial(ctx.store.db, ACCOUNT, idOfNothing)), /no role/i)
})

test('GetSessionToken serves long-term keys only, and the root user for an hour', async (t) => {
  const { ctx, user } = await setUp(t)
  const entry = sts.GetSessionToken
  assert.ok('handler' in entry)
  const ofUser = await entry.handler(ctx, {})
  assert.equal(ofUser.Credentials?.Expiration.getTime(), NOW + 43_200_000)
  const ofRoot = await entry.handler({ ...ctx, principal: ROOT }, { DurationSeconds: 43_200 })
  assert.equal(ofRoot.Credentials?.Expiration.getTime(), NOW + 3_600_000)
  const session = { name: '', issuedAt: NOW, expiresAt: NOW + 1 }
  const again = entry.handler({ ...ctx, principal: { ...user, session } }, {})
  await refused(again, 'AccessDenied', /session credentials/)
})

test('a session token opens with its own key id only, and not when a byte of it was changed', async (t) => {
  const { ctx, user, addRole } = await setUp(t)
  const role = await addRole('backup', { AWS: user.uniqueId }, ['sts:AssumeRole'])
  const { Credentials } = await assumeRole(ctx, { RoleArn: roleArn(role), RoleSessionName: 's' })
  assert.ok(Credentials)
  const { AccessKeyId, SessionToken } = Credentials
  assert.ok(openSession(ctx.serverKey, AccessKeyId, SessionToken))
  assert.equal(openSession(ctx.serverKey, iamId('ASIA'), SessionToken), undefined)
  assert.equal(openSession(new ServerKey(randomBytes(32)), AccessKeyId, SessionToken), undefined)
  const bytes = Buffer.from(SessionToken, 'base64')
  bytes[20] = (bytes[20] as number) ^ 1
  assert.equal(openSession(ctx.serverKey, AccessKeyId, bytes.toString('base64')), undefined)
})

const ROOT: Principal = {
  kind: 'root',
  accountId: ACCOUNT,
  arn: `arn:aws:iam::${ACCOUNT}:root`,
  uniqueId: ACCOUNT,
  tags: {},
  accessKeyId: 'AKIAROOTROOTROOTROOT',
}

function policy(sid: string): string {
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Sid: sid, Effect: 'Allow', Action: 'backup:*', Resource: '*' }],
  })
}

async function assume(
  ctx: Context,
  request: AssumeRoleRequest,
): Promise<{ readonly answer: AssumeRoleResponse; readonly session: SessionContent }> {
  const answer = await assumeRole(ctx, request)
  const { AccessKeyId = '', SessionToken = '' } = answer.Credentials ?? {}
  const session = openSession(ctx.serverKey, AccessKeyId, SessionToken)
  assert.ok(session)
  return { answer, session }
}

async function refused(call: Promise<unknown>, code: string, message: RegExp): Promise<void> {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof AwsError, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, message)
    return true
  })
}

function sessionPrincipal(role: RoleTable, content: SessionContent): Principal {
  return {
    kind: 'assumed-role',
    accountId: role.account_id,
    arn: `arn:aws:sts::${role.account_id}:assumed-role/${role.name}/${content.session.name}`,
    uniqueId: `${role.role_id}:${content.session.name}`,
    identityId: role.role_id,
    roleArn: roleArn(role),
    tags: content.tags,
    session: content.session,
    accessKeyId: iamId('ASIA'),
  }
}

interface SetUp {
  /** With the user as its caller. */
  readonly ctx: Context
  readonly user: Principal
  readonly addRole: (
    name: string,
    principal: object,
    actions: string[],
    condition?: object,
  ) => Promise<RoleTable>
}

async function setUp(t: TestContext): Promise<SetUp> {
  const userId = iamId('AIDA')
  const user: Principal = {
    kind: 'user',
    accountId: ACCOUNT,
    arn: `arn:aws:iam::${ACCOUNT}:user/dba`,
    uniqueId: userId,
    identityId: userId,
    userName: 'dba',
    tags: {},
    accessKeyId: iamId('AKIA'),
  }
  const ctx = await openContext(t, user, NOW, {
    authorize: async (action, resource) => {
      const asked = { principal: user, action, resource, region: 'us-east-1', now: NOW }
      const { request, layers } = await questionOf(store.db, asked)
      if (!evaluate(request, layers).allowed) throw new AwsError('AccessDenied', 403, action)
    },
  })
  const { store } = ctx
  await insertUser(store.db, {
    account_id: ACCOUNT,
    user_id: userId,
    name: 'dba',
    name_lower: 'dba',
    path: '/',
    created_at: NOW,
    boundary_arn: null,
    password_last_used_at: null,
    revoked_before: null,
  })
  const addRole: SetUp['addRole'] = async (name, principal, actions, condition) => {
    const statement = { Effect: 'Allow', Principal: principal, Action: actions }
    const row: RoleTable = {
      account_id: ACCOUNT,
      role_id: iamId('AROA'),
      name,
      name_lower: name,
      path: '/',
      created_at: NOW,
      description: null,
      trust_policy: JSON.stringify({
        Version: '2012-10-17',
        Statement: [condition === undefined ? statement : { ...statement, Condition: condition }],
      }),
      max_session_seconds: 43_200,
      boundary_arn: null,
      last_used_at: null,
      last_used_region: null,
      revoked_before: null,
    }
    assert.ok(await insertRole(store.db, row))
    return row
  }
  return { ctx, user, addRole }
}
