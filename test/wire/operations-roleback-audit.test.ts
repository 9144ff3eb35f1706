import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import { BackupClient, CreateBackupVaultCommand } from '@aws-sdk/client-backup'
import { AwsError } from '../../src/aws/error.ts'
import type { OutputOf } from '../../src/aws/client.ts'
import { loadServerKey } from '../../src/keyring/server-key.ts'
import { sealedText } from '../../src/store/audit/audit-heads.ts'
import type { AuditRow } from '../../src/store/audit/audit-heads.ts'
import { roleback } from '../fixtures/command-line.ts'
import { makeTenant } from '../fixtures/tenant.ts'
import { allow, makeUser, makeVault, openWorld } from '../fixtures/world.ts'
import type { World } from '../fixtures/world.ts'

/** The audit trail through the wire: what it tells and to whom, and that no hand in the database goes unseen. */

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())

type Findings = OutputOf<'roleback', 'VerifyAudit'>['Findings']

async function verify(of: World = world): Promise<Findings> {
  const { Findings, NextToken, Checked } = await of.call('roleback', 'VerifyAudit', {})
  assert.equal(NextToken, undefined)
  assert.ok(Checked > 0)
  return Findings
}

const kinds = (findings: Findings): readonly string[] => [...new Set(findings.map(({ Kind }) => Kind))]

interface Row {
  readonly seq: number
  readonly chain_id: string
  readonly chain_seq: number
}

/** What somebody with the database in his hands does: the triggers do not hold him. */
async function tamper(of: World, ...statements: readonly string[]): Promise<void> {
  await of.offline(async () => {
    const db = new DatabaseSync(join(of.dataDir, 'roleback.db'))
    const triggers = db
      .prepare(`select name from sqlite_schema where type = 'trigger' and tbl_name = 'audit'`)
      .all()
    for (const { name } of triggers as { name: string }[]) db.exec(`drop trigger ${name}`)
    for (const statement of statements) assert.ok(Number(db.prepare(statement).run().changes) > 0, statement)
    db.close()
  })
}

test('LookupAuditEvents tells in CloudTrail’s shape what was asked of this account, by filter and page', async () => {
  const user = await makeUser(world, 'asker', [allow('backup:ListBackupVaults')])
  const sdk = new BackupClient({
    endpoint: world.url,
    region: world.region,
    credentials: { accessKeyId: user.key.accessKeyId, secretAccessKey: user.key.secretAccessKey },
    maxAttempts: 1,
  })
  await assert.rejects(sdk.send(new CreateBackupVaultCommand({ BackupVaultName: 'no' })), {
    name: 'AccessDeniedException',
  })
  await user.call('backup', 'ListBackupVaults', {})
  const { Events } = await world.call('roleback', 'LookupAuditEvents', { PrincipalArn: user.arn })
  assert.deepEqual(
    Events.map(({ EventName, Effect }) => `${EventName} ${Effect}`),
    ['ListBackupVaults Allow', 'CreateBackupVault Deny'],
  )
  const denied = JSON.parse(Events[1]?.CloudTrailEvent ?? '') as Record<string, unknown>
  assert.deepEqual(
    [
      denied['eventSource'],
      denied['eventName'],
      denied['errorCode'],
      denied['sourceIPAddress'],
      denied['eventType'],
    ],
    ['backup.amazonaws.com', 'CreateBackupVault', 'AccessDenied', '127.0.0.1', 'AwsApiCall'],
  )
  assert.deepEqual((denied['userIdentity'] as Record<string, unknown>)['userName'], 'asker')
  const { AuthorizationId = '' } = Events[1] ?? {}
  const explained = await world.call('roleback', 'GetAuthorizationDetails', { AuthorizationId })
  assert.deepEqual(
    [explained.Authorization.PrincipalArn, explained.Authorization.Action, Events[0]?.AuthorizationId],
    [user.arn, 'backup:CreateBackupVault', undefined],
  )
  // Refused again within the hour it is counted, and explained by the same id.
  await assert.rejects(sdk.send(new CreateBackupVaultCommand({ BackupVaultName: 'no' })))
  const again = await world.call('roleback', 'LookupAuditEvents', { PrincipalArn: user.arn, Effect: 'Deny' })
  assert.deepEqual(
    again.Events.map((event) => event.AuthorizationId),
    [AuthorizationId, AuthorizationId],
  )
  const only = await world.call('roleback', 'LookupAuditEvents', {
    PrincipalArn: user.arn,
    Effect: 'Deny',
    Action: 'backup:CreateBackupVault',
    StartTime: new Date(Date.now() - 60_000),
  })
  assert.deepEqual(
    only.Events.map(({ EventId }) => EventId),
    [again.Events[0]?.EventId, Events[1]?.EventId],
  )
  const idsOf = async (Principal: string): Promise<readonly string[]> => {
    const named = await world.call('roleback', 'LookupAuditEvents', { Principal, Effect: 'Deny' })
    return named.Events.map(({ EventId }) => EventId)
  }
  assert.deepEqual(
    await idsOf('user/ASK'),
    again.Events.map(({ EventId }) => EventId),
    'by a part',
  )
  for (const other of ['aske_', 'a%r', 'asker\\']) assert.deepEqual(await idsOf(other), [], other)
  const first = await world.call('roleback', 'LookupAuditEvents', { PrincipalArn: user.arn, MaxResults: 1 })
  const second = await world.call('roleback', 'LookupAuditEvents', {
    PrincipalArn: user.arn,
    MaxResults: 1,
    NextToken: first.NextToken,
  })
  assert.deepEqual([...first.Events, ...second.Events], [again.Events[0], Events[0]])
  await assert.rejects(
    user.call('roleback', 'LookupAuditEvents', {}),
    (error: unknown) => error instanceof AwsError && error.status === 403,
  )
})

test('R26 an account reads its own records alone, and none of a tenant checks the chain', async () => {
  const { call: tenant, accountId } = await makeTenant(world, 'tenant')
  await tenant('backup', 'ListBackupVaults', {})
  const { Events } = await tenant('roleback', 'LookupAuditEvents', { MaxResults: 1000 })
  const accounts = Events.map(
    ({ CloudTrailEvent }) =>
      (JSON.parse(CloudTrailEvent) as { recipientAccountId: string }).recipientAccountId,
  )
  assert.deepEqual([...new Set(accounts)], [accountId])
  assert.ok(Events.some(({ EventName }) => EventName === 'ListBackupVaults'))
  await assert.rejects(
    tenant('roleback', 'VerifyAudit', {}),
    (error: unknown) =>
      error instanceof AwsError && error.status === 403 && error.message.includes('management account'),
  )
})

test('R24 what was changed, removed, moved, put in or cut off is found and named', async () => {
  await using own = await openWorld()
  await makeVault(own, 'kept')
  assert.deepEqual(await verify(own), [])
  const row = (action: string): Row =>
    own.rows<Row>(
      'select seq, chain_id, chain_seq from audit where action = ? order by seq limit 1',
      action,
    )[0] as Row
  const target = row('backup:CreateBackupVault')
  await tamper(own, `update audit set effect = 'Deny' where seq = ${target.seq}`)
  const changed = await verify(own)
  assert.deepEqual(
    changed.map(({ Kind, Sequence, Chain }) => [Kind, Sequence, Chain]),
    [['Changed', target.chain_seq, target.chain_id]],
  )
  await tamper(own, `update audit set effect = 'Allow' where seq = ${target.seq}`)
  assert.deepEqual(await verify(own), [], 'as it was')

  const [one, two] = own.rows<Row>(
    'select * from audit where chain_id = ? and chain_seq in (2, 3) order by chain_seq',
    target.chain_id,
  )
  await tamper(
    own,
    `update audit set seq = 900001 where seq = ${one?.seq}`,
    `update audit set seq = ${one?.seq} where seq = ${two?.seq}`,
    `update audit set seq = ${two?.seq} where seq = 900001`,
  )
  assert.deepEqual(kinds(await verify(own)), ['Reordered'])
  await tamper(
    own,
    `update audit set seq = 900001 where seq = ${two?.seq}`,
    `update audit set seq = ${two?.seq} where seq = ${one?.seq}`,
    `update audit set seq = ${one?.seq} where seq = 900001`,
  )
  assert.deepEqual(await verify(own), [], 'as it was')

  await tamper(
    own,
    `insert into audit (at, account_id, request_id, principal_arn, principal_id, service, action, resource, effect, layer, reason)
       select at, account_id, request_id, 'arn:aws:iam::123456789012:user/other', principal_id, service, action, resource, effect, layer, reason
         from audit where seq = ${target.seq}`,
  )
  assert.deepEqual(kinds(await verify(own)), ['NotChained'])
  await tamper(own, `delete from audit where chain_id is null`)

  await tamper(own, `delete from audit where seq = ${target.seq}`)
  assert.deepEqual(
    (await verify(own)).map(({ Kind, Sequence }) => [Kind, Sequence]),
    [['Missing', target.chain_seq]],
  )
  await tamper(
    own,
    `delete from audit where chain_id = '${target.chain_id}' and chain_seq >= ${target.chain_seq}`,
  )
  assert.deepEqual(kinds(await verify(own)), ['Truncated'], 'a later chain knows the end')
  await tamper(own, `delete from audit where chain_id = '${target.chain_id}'`)
  assert.deepEqual(kinds(await verify(own)), ['ChainMissing'])
  const command = await roleback(['audit', 'verify'], { env: envOf(own) })
  assert.equal(command.code, 1)
  assert.match(command.stdout, /ChainMissing: A whole chain/)
  assert.match(command.stderr, /The audit trail is not as it was written: \d+ findings in \d+ records/)
})

function envOf(of: World): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: of.url,
    AWS_REGION: of.region,
    AWS_ACCESS_KEY_ID: of.rootKey.accessKeyId,
    AWS_SECRET_ACCESS_KEY: of.rootKey.secretAccessKey,
  }
}

test('R24 the newest end of the trail is anchored in the data directory and the log', async () => {
  await using own = await openWorld()
  await makeVault(own, 'anchored')
  await own.offline(async () => undefined)
  const line = own.lines
    .map((text) => JSON.parse(text) as Record<string, string>)
    .findLast(({ message }) => message === 'audit anchor')
  assert.ok(line, 'the log has the anchor')
  const chain = line['chain'] as string
  const sealed = readFileSync(join(own.dataDir, 'audit-anchors'), 'utf8')
  assert.ok(!sealed.includes(chain), 'sealed')
  const Anchors = [{ Chain: chain, Sequence: Number(line['sequence']), Mac: line['mac'] as string }]
  assert.deepEqual((await own.call('roleback', 'VerifyAudit', { Anchors })).Findings, [])
  // Everything since the start is cut off, and the chain that names its end, too: only what lies outside of the database knows.
  await own.offline(async () => {
    const db = new DatabaseSync(join(own.dataDir, 'roleback.db'))
    db.exec(`drop trigger audit_keeps_deleted; delete from audit where chain_id > '${chain}';
      delete from audit where chain_id = '${chain}' and chain_seq > 2`)
    db.close()
    writeFileSync(join(own.dataDir, 'audit-anchors'), sealed)
  })
  assert.ok(kinds(await verify(own)).includes('Truncated'))
})

/** What somebody does who has the database and the server's key: every code of a chain fits its records again. */
function chainAnew(of: World, chain: string, change: (db: DatabaseSync) => void): void {
  const key = loadServerKey(join(of.dataDir, 'server.key'))
  const db = new DatabaseSync(join(of.dataDir, 'roleback.db'))
  db.exec('drop trigger if exists audit_keeps_deleted; drop trigger if exists audit_keeps_updated')
  change(db)
  let before = ''
  const rows = db.prepare('select * from audit where chain_id = ? order by chain_seq').all(chain)
  for (const row of rows as unknown as AuditRow[]) {
    before = key.fingerprint('audit', sealedText(row, chain, row.chain_seq ?? 0, before))
    db.prepare('update audit set mac = ? where seq = ?').run(before, row.seq)
  }
  db.close()
}

test('R24 the system vault knows a chain that was written anew, whatever the data directory says', async () => {
  await using own = await openWorld()
  await makeVault(own, 'anchored')
  // The stop exports what changed, and with it the end of the chain.
  await own.offline(async () => undefined)
  const [{ chain } = { chain: '' }] = own.rows<{ chain: string }>('select min(chain_id) as chain from audit')
  const forge = async (change: (db: DatabaseSync) => void): Promise<Findings> => {
    await own.offline(async () => {
      chainAnew(own, chain, change)
      rmSync(join(own.dataDir, 'audit-anchors'))
    })
    return await verify(own)
  }
  // Later chains, which name the end of the first, are gone with it; so only the vault knows what it was.
  const later = `delete from audit where chain_id > '${chain}'`
  assert.deepEqual(await verify(own), [])
  const rewritten = await forge((db) =>
    db.exec(`${later}; update audit set effect = 'Deny' where action = 'backup:CreateBackupVault'`),
  )
  const found = rewritten.filter(({ Chain }) => Chain === chain)
  assert.deepEqual(kinds(found), ['Changed'])
  const cut = await forge((db) => db.exec(`${later}; delete from audit where chain_seq > 2`))
  assert.ok(
    cut.some(({ Kind, Chain }) => Kind === 'Truncated' && Chain === chain),
    JSON.stringify(cut),
  )
  // An export that cannot be read does not pass for a trail that was held against it.
  const [exported] = own.rows<{ vault_id: string }>('select vault_id from identity_export')
  const folder = readdirSync(own.dataDir, { recursive: true }).find((path) =>
    String(path).endsWith(join(exported?.vault_id ?? '', 'identity')),
  )
  rmSync(join(own.dataDir, String(folder)), { recursive: true })
  assert.ok(kinds(await verify(own)).includes('AnchorsMissing'))
})

test('R24 a mutating call has no effect where its record cannot be written, and works again when it can', async () => {
  await using own = await openWorld()
  await makeVault(own, 'before')
  await own.offline(async () => {
    const db = new DatabaseSync(join(own.dataDir, 'roleback.db'))
    db.exec(`create trigger full before insert on audit when new.action <> 'roleback:StartAuditChain'
      and exists (select 1 from tag where key = 'full') begin select raise(abort, 'disk full'); end`)
    db.close()
  })
  await own.call('iam', 'CreateUser', { UserName: 'full', Tags: [{ Key: 'full', Value: '1' }] })
  const fails = (error: unknown): boolean => error instanceof AwsError && error.status === 500
  await assert.rejects(own.call('backup', 'CreateBackupVault', { BackupVaultName: 'after' }), fails)
  await assert.rejects(own.call('iam', 'DeleteUser', { UserName: 'full' }), fails)
  await assert.rejects(own.call('backup', 'ListBackupVaults', {}), fails, 'reads neither')
  assert.deepEqual(own.rows(`select 1 from vault where name = 'after'`), [])
  assert.equal(own.rows(`select 1 from iam_user where name = 'full'`).length, 1)
  await own.offline(async () => {
    const db = new DatabaseSync(join(own.dataDir, 'roleback.db'))
    db.exec('drop trigger full')
    db.close()
  })
  await makeVault(own, 'after')
  assert.deepEqual(await verify(own), [], 'failures leave no gap')
})

test('R24 what was recorded before there were chains is covered by the first one’s start', async () => {
  await using own = await openWorld()
  await makeVault(own, 'earlier')
  // As an older version left it: no record in a chain, and no anchor, also none in a system vault.
  await tamper(own, `update audit set chain_id = null, chain_seq = null, mac = null`)
  await own.offline(async () => {
    const db = new DatabaseSync(join(own.dataDir, 'roleback.db'))
    db.exec(`delete from audit where chain_id is not null; delete from identity_export`)
    db.close()
    writeFileSync(join(own.dataDir, 'audit-anchors'), '')
  })
  await makeVault(own, 'later')
  assert.deepEqual(await verify(own), [])
  await tamper(
    own,
    `update audit set reason = 'forged' where seq = (select min(seq) from audit where chain_id is null)`,
  )
  assert.deepEqual(
    (await verify(own)).map(({ Kind, Message }) => [Kind, /before the first chain/.test(Message)]),
    [['Changed', true]],
  )
})

test('./roleback audit lists, exports JSON lines, and verifies', async () => {
  const env = envOf(world)
  const listed = await roleback(['audit', 'list', '--max', '3', '--effect', 'Allow'], { env })
  assert.deepEqual([listed.code, listed.stdout.trim().split('\n').length], [0, 4])
  assert.match(listed.stdout, /^TIME +WHO +ACTION +ON +DECISION/)
  const exported = await roleback(['audit', 'export', '--action', 'iam:CreateUser'], { env })
  const events = exported.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { eventName: string })
  assert.ok(events.length > 0 && events.every(({ eventName }) => eventName === 'CreateUser'))
  const verified = await roleback(['audit', 'verify'], { env })
  assert.deepEqual(
    [verified.code, /^\d+ records are all there/.test(verified.stderr)],
    [0, true],
    verified.stderr,
  )
  const wrong = await roleback(['audit', 'verify', '--anchor', 'x'], { env })
  assert.equal(wrong.code, 2)
})
