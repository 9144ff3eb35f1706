import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import type { InputOf } from '../../src/aws/client.ts'
import { requestFor } from '../../src/events/target.ts'
import { awsError } from '../fixtures/aws-error.ts'
import { certificates } from '../fixtures/certificates.ts'
import { roleback } from '../fixtures/command-line.ts'
import { startReceiver } from '../servers/receiver.ts'
import type { Received, Receiver } from '../servers/receiver.ts'
import { startMailServer } from '../servers/smtp.ts'
import type { MailServer } from '../servers/smtp.ts'
import {
  ALL_RIGHTS,
  allow,
  backUpWell,
  makeRole,
  makeUser,
  makeVault,
  openWorld,
  registerDirectory,
  until,
} from '../fixtures/world.ts'
import type { World } from '../fixtures/world.ts'

/** Webhooks and chats that are told of events, by a server that notes what it is sent. */

let receiver: Receiver
let mail: MailServer
let world: World
let role: string
let source: string

/** Whoever names a resource must not be able to call on a channel, nor to write in it. */
const HOSTILE = '<!channel> @everyone [x](http://evil.example) <b>b</b> **bold**'

before(async () => {
  receiver = await startReceiver(204)
  mail = await startMailServer({ hideSTARTTLS: true, disabledCommands: ['STARTTLS'] })
  world = await openWorld({ serve: { allowEndpoint: [receiver.place, mail.place] } })
  role = await makeRole(world, 'worker', { statements: [ALL_RIGHTS] })
  await makeVault(world, 'told')
  source = (await registerDirectory(world, 'tree', (path) => writeFileSync(join(path, 'a'), 'a'))).arn
})
after(async () => {
  await world[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
  await mail.stop()
})

const urlOf = (path: string): string => `http://${receiver.place}${path}`
const put = (input: InputOf<'roleback', 'PutEventTarget'>) => world.call('roleback', 'PutEventTarget', input)
const at = (path: string): Received[] => receiver.received.filter((one) => one.path === path)

/** Of the command line. */
const environment = (): Readonly<Record<string, string>> => ({
  AWS_ENDPOINT_URL: world.url,
  AWS_REGION: world.region,
  AWS_ACCESS_KEY_ID: world.rootKey.accessKeyId,
  AWS_SECRET_ACCESS_KEY: world.rootKey.secretAccessKey,
})

async function target(Name: string) {
  const { EventTargets } = await world.call('roleback', 'ListEventTargets', {})
  return EventTargets.find((one) => one.Name === Name)
}

const backUp = (BackupVaultName: string = 'told'): Promise<string> =>
  backUpWell(world, { BackupVaultName, ResourceArn: source, IamRoleArn: role })

test('a webhook gets the events that its pattern asks for, in order, signed as Standard Webhooks has it', async () => {
  const { SigningSecret = '' } = await put({
    Name: 'hook',
    Type: 'WEBHOOK',
    Url: urlOf('/hook'),
    EventPattern: JSON.stringify({ source: ['aws.backup'], 'detail-type': ['Backup Job State Change'] }),
  })
  assert.match(SigningSecret, /^whsec_[A-Za-z0-9+/]{43}=$/)
  await backUp()
  await until('the end of the job to be told', () =>
    at('/hook').some(({ text }) => text.includes('"COMPLETED"')) ? true : undefined,
  )
  const states = at('/hook').map(
    ({ text }) => (JSON.parse(text) as { detail: { state: string } }).detail.state,
  )
  assert.deepEqual(states, ['CREATED', 'RUNNING', 'COMPLETED'])
  const key = Buffer.from(SigningSecret.slice('whsec_'.length), 'base64')
  for (const [i, { headers, text }] of at('/hook').entries()) {
    const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${text}`
    const wanted = createHmac('sha256', key).update(signed).digest('base64')
    assert.equal(headers['webhook-signature'], `v1,${wanted}`)
    assert.equal(headers['webhook-id'], `msg_${(JSON.parse(text) as { id: string }).id}`)
    assert.equal(headers['roleback-sequence'], String(i + 1))
  }
  // Changed without an address or a secret, both stay as they are.
  const again = await put({ Name: 'hook', Type: 'WEBHOOK', EventPattern: '{"source":["nothing"]}' })
  assert.equal(again.SigningSecret, undefined)
})

test('what is not taken is sent again until it is, the same message, and nothing overtakes it', async () => {
  receiver.answers.set('/flaky', [503, 500, 302])
  await put({
    Name: 'flaky',
    Type: 'WEBHOOK',
    Url: urlOf('/flaky'),
    EventPattern: JSON.stringify({ 'detail-type': ['Backup Job State Change'] }),
  })
  await backUp()
  await until('the first failure to be told of', async () =>
    (await target('flaky'))?.Failures ? true : undefined,
  )
  const failing = await target('flaky')
  assert.match(failing?.LastError ?? '', /status 50[03]/)
  assert.ok((failing?.MessagesOwed ?? 0) >= 1 && failing?.RetryAt !== undefined)
  await until('all to be taken', async () => {
    await world.call('roleback', 'RetryEventDeliveries', { Name: 'flaky' })
    return at('/flaky').some(({ text, status }) => status === 204 && text.includes('"COMPLETED"'))
      ? true
      : undefined
  })
  const ids = at('/flaky').map(({ headers }) => headers['webhook-id'])
  assert.equal(new Set(ids.slice(0, 4)).size, 1, 'the first message is sent until it is taken')
  // No redirect was followed: that one counts as not receiver.received.
  assert.deepEqual(
    at('/flaky').map(({ status }) => status),
    [503, 500, 302, 204, 204, 204],
  )
  await until('the target to be well', async () =>
    (await target('flaky'))?.Failures === 0 ? true : undefined,
  )
  assert.equal((await target('flaky'))?.MessagesOwed, 0)
})

test('chats get plain words: hostile names mention nobody and are no markup', async () => {
  for (const Type of ['SLACK', 'TEAMS', 'DISCORD', 'MATRIX'])
    await put({
      Name: Type.toLowerCase(),
      Type,
      Url: urlOf(`/${Type}`),
      EventPattern: JSON.stringify({ 'detail-type': ['Backup Plan State Change'] }),
    })
  const { BackupPlanId = '' } = await world.call('backup', 'CreateBackupPlan', {
    BackupPlan: {
      BackupPlanName: 'plan',
      Rules: [{ RuleName: 'rule', TargetBackupVaultName: 'told', ScheduleExpression: 'cron(0 5 ? * * *)' }],
    },
  })
  assert.ok(BackupPlanId)
  const all = ['SLACK', 'TEAMS', 'DISCORD', 'MATRIX'] as const
  await until('every chat to be told', () =>
    all.every((one) => at(`/${one}`).length > 0) ? true : undefined,
  )
  const body = (type: string): Record<string, unknown> =>
    JSON.parse(at(`/${type}`)[0]?.text ?? '{}') as Record<string, unknown>
  assert.match(String(body('SLACK')['text']), /^Backup Plan State Change: CREATED\narn:aws:backup:/)
  assert.deepEqual(body('DISCORD')['allowed_mentions'], { parse: [] })
  assert.equal(body('TEAMS')['type'], 'message')
  assert.ok(String(body('MATRIX')['html']).includes('<br>'))
})

test('hostile words are nobody’s markup in any chat', async () => {
  const event = {
    version: '0',
    id: 'id',
    'detail-type': HOSTILE,
    source: 'aws.backup',
    account: '1',
    time: 't',
    region: 'r',
    resources: [`arn:${HOSTILE}`],
    detail: { statusMessage: `${HOSTILE}\u202e` },
  } as const
  const bodyOf = (kind: 'SLACK' | 'TEAMS' | 'DISCORD' | 'MATRIX'): string =>
    requestFor(kind, { url: 'https://chat.example/' }, { event }, { sequence: 1, at: 0 }).body
  for (const kind of ['SLACK', 'TEAMS', 'DISCORD', 'MATRIX'] as const) {
    const body = bodyOf(kind)
    for (const bad of ['@everyone', 'http://evil', '\u202e'])
      assert.ok(!body.includes(bad), `${kind}: ${bad}`)
  }
  assert.ok(!bodyOf('SLACK').includes('<!channel>'))
  assert.ok(!/[^\\]\*\*bold/.test(JSON.parse(bodyOf('DISCORD')).content as string))
  assert.ok(!String((JSON.parse(bodyOf('MATRIX')) as { html: string }).html).includes('<b>'))
})

test('a target of a topic gets what vaults notify it of, in AWS’s words', async () => {
  const TopicArn = `arn:aws:sns:${world.region}:${world.accountId}:backups`
  await makeVault(world, 'notifying')
  await world.call('backup', 'PutBackupVaultNotifications', {
    BackupVaultName: 'notifying',
    SNSTopicArn: TopicArn,
    BackupVaultEvents: ['BACKUP_JOB_COMPLETED'],
  })
  await put({ Name: 'topic', Type: 'SLACK', Url: urlOf('/topic'), TopicArn })
  const EventPattern = JSON.stringify({ 'detail-type': ['Backup Job State Change'] })
  await put({ Name: 'both', Type: 'WEBHOOK', Url: urlOf('/both'), TopicArn, EventPattern })
  await backUp()
  await backUp('notifying')
  await until('the notification', () => (at('/topic').length > 0 ? true : undefined))
  const sent = await until('both', () => {
    const all = at('/both').map(({ headers, text }) => ({ id: headers['webhook-id'], text }))
    return all.some(({ text }) => text.includes('"notification"')) ? all : undefined
  })
  assert.equal(sent.length, 6)
  assert.equal(new Set(sent.map(({ id }) => id)).size, 6, 'one message of each event')
  assert.equal(at('/topic').length, 1)
  assert.match(
    at('/topic')[0]?.text ?? '',
    /An AWS Backup job was completed successfully\. Recovery point ARN: /,
  )
})

test('calls of the API are told to whoever may read the trail and asked for them, and to nobody else', async () => {
  const limited = await makeUser(world, 'listener', [allow('roleback:PutEventTarget')])
  const calls = String.raw`{"detail-type":["AWS API Call via Cloud\u0054rail"]}`
  const hook = (Name: string, EventPattern: string) =>
    ({ Name, Type: 'WEBHOOK', Url: urlOf(`/${Name}`), EventPattern }) as const
  await assert.rejects(
    limited.call('roleback', 'PutEventTarget', hook('calls', calls)),
    awsError('AccessDeniedException', 'is not authorized to perform: roleback:LookupAuditEvents'),
  )
  await limited.call(
    'roleback',
    'PutEventTarget',
    hook('loose', JSON.stringify({ account: [world.accountId] })),
  )
  await put(hook('calls', calls))
  await backUp()
  await until('a call and a change to be told', () =>
    at('/calls').some(({ text }) => text.includes('"StartBackupJob"')) &&
    at('/loose').some(({ text }) => text.includes('"COMPLETED"'))
      ? true
      : undefined,
  )
  assert.ok(at('/loose').every(({ text }) => !text.includes('AWS API Call')))
  for (const Name of ['calls', 'loose']) await world.call('roleback', 'DeleteEventTarget', { Name })
})

test('a ping tells a dead man’s switch how a plan’s runs begin and end, and of nothing else', async () => {
  const { BackupPlanId = '' } = await world.call('backup', 'CreateBackupPlan', {
    BackupPlan: {
      BackupPlanName: 'switched',
      Rules: [
        {
          RuleName: 'nightly',
          TargetBackupVaultName: 'told',
          ScheduleExpression: 'cron(0 5 ? * * *)',
          StartWindowMinutes: 60,
        },
      ],
    },
  })
  const ping = { Name: 'switch', Type: 'PING', Url: urlOf('/ping/1?a=b') }
  await assert.rejects(put(ping), awsError('InvalidParameterValueException', 'BackupPlanId is missing'))
  await assert.rejects(
    put({ ...ping, BackupPlanId: 'none' }),
    awsError('ResourceNotFoundException', 'Cannot find backup plan'),
  )
  await put({ ...ping, BackupPlanId })
  assert.equal((await target('switch'))?.BackupPlanId, BackupPlanId)
  const tried = await world.call('roleback', 'TestEventTarget', { Name: 'switch' })
  assert.equal(tried.IsDelivered, true)
  assert.deepEqual(pings(), ['/ping/1/log?a=b'])
  // Due now: the clock of the running server is not the test's.
  const makeDue = (): void => {
    const db = new DatabaseSync(join(world.dataDir, 'roleback.db'))
    db.prepare('update backup_rule set next_run_at = ? where plan_id = ?').run(
      Date.now() - 1_000,
      BackupPlanId,
    )
    db.close()
  }
  makeDue()
  await until('an empty run to be told', () => (pings().includes('/ping/1/fail?a=b') ? true : undefined))
  await world.call('backup', 'CreateBackupSelection', {
    BackupPlanId,
    BackupSelection: { SelectionName: 's', IamRoleArn: role, Resources: [source] },
  })
  makeDue()
  await until('the end of the run to be told', () => (pings().includes('/ping/1?a=b') ? true : undefined))
  const [, , started, ended] = pings()
  assert.deepEqual([started, ended], ['/ping/1/start?a=b', '/ping/1?a=b'])
  await world.call('roleback', 'DeleteEventTarget', { Name: 'switch' })
})

test('a target is told of a resource whose backup did not come, and that no server ran', async () => {
  const { arn } = await registerDirectory(world, 'forgotten', (path) => writeFileSync(join(path, 'a'), 'a'))
  const { BackupPlanId = '' } = await world.call('backup', 'CreateBackupPlan', {
    BackupPlan: {
      BackupPlanName: 'hourly',
      Rules: [
        {
          RuleName: 'hourly',
          TargetBackupVaultName: 'told',
          ScheduleExpression: 'cron(0 * ? * * *)',
          StartWindowMinutes: 60,
        },
      ],
    },
  })
  await world.call('backup', 'CreateBackupSelection', {
    BackupPlanId,
    BackupSelection: { SelectionName: 's', IamRoleArn: role, Resources: [arn] },
  })
  const EventPattern = JSON.stringify({
    'detail-type': ['Recovery Point Objective Missed', 'Server Silence'],
  })
  await put({ Name: 'watch', Type: 'WEBHOOK', Url: urlOf('/watch'), EventPattern })
  // Five hours go by while the server is off, and no run is made up for.
  await world.offline(() => {
    const db = new DatabaseSync(join(world.dataDir, 'roleback.db'))
    const passed = 5 * 3_600_000
    db.prepare('update sign_of_life set at = at - ?').run(passed)
    db.prepare('update resource set created_at = created_at - ? where arn = ?').run(passed, arn)
    db.prepare('update backup_selection set created_at = created_at - ?').run(passed)
    db.prepare(
      'update backup_rule set written_at = written_at - ?, next_run_at = next_run_at + ? where plan_id = ?',
    ).run(passed, passed, BackupPlanId)
    db.close()
    return Promise.resolve()
  })
  const told = await until('both', () => {
    const events = at('/watch').map(
      ({ text }) => JSON.parse(text) as { 'detail-type': string; detail: Record<string, unknown> },
    )
    return events.length >= 2 ? events : undefined
  })
  assert.deepEqual(
    told.map((event) => [event['detail-type'], event.detail['state'], event.detail['resourceArn']]),
    [
      ['Server Silence', 'ENDED', undefined],
      ['Recovery Point Objective Missed', 'MISSED', arn],
    ],
  )
  await world.call('roleback', 'DeleteEventTarget', { Name: 'watch' })
})

test('mail tells of what failed: its password is sealed, and what it refuses is shown', async () => {
  const Url = `smtp://${mail.place}`
  const box = { Name: 'box', Type: 'MAIL', Url, MailFrom: 'backups@example.com', MailTo: ['ops@example.com'] }
  await put({ ...box, SmtpUserName: 'ops', SmtpPassword: 'wrong-password' })
  const refusedOnce = await world.call('roleback', 'TestEventTarget', { Name: 'box' })
  assert.deepEqual(
    [refusedOnce.IsDelivered, refusedOnce.Message],
    [false, 'it refused the user name and password with status 535'],
  )
  await put({ ...box, SmtpUserName: 'ops', SmtpPassword: 'right' })
  assert.equal((await world.call('roleback', 'TestEventTarget', { Name: 'box' })).IsDelivered, true)
  const kept = await put({ Name: 'box', Type: 'MAIL', MailTo: ['ops@example.com', 'second@example.com'] })
  assert.equal(kept.SigningSecret, undefined)
  const { BackupJobId = '' } = await world.call('backup', 'StartBackupJob', {
    BackupVaultName: 'told',
    ResourceArn: source,
    IamRoleArn: await makeRole(world, 'nothing', { statements: [NOTHING] }),
  })
  await until('the failure to be mailed', () => (mail.taken.length > 1 ? true : undefined))
  const [, failed] = mail.taken
  assert.deepEqual([failed?.to, failed?.user], [['ops@example.com', 'second@example.com'], 'ops'])
  const text = (failed?.text ?? '').replaceAll(/=\r\n/g, '')
  assert.match(text, /^Subject: Roleback: FAILED backup job\s/m)
  assert.ok(text.includes(`./roleback job show ${BackupJobId}`))
  const shown = await target('box')
  assert.deepEqual(
    [shown?.MailFrom, shown?.MailTo, shown?.Host],
    ['backups@example.com', ['ops@example.com', 'second@example.com'], mail.place],
  )
  for (const rows of [world.rows('select * from event_target'), world.rows('select * from audit'), shown])
    assert.ok(!JSON.stringify(rows).includes('wrong-password') && !JSON.stringify(rows).includes('"right"'))
  const bad = async (input: Partial<InputOf<'roleback', 'PutEventTarget'>>, message: string): Promise<void> =>
    await assert.rejects(put({ ...box, ...input }), awsError('InvalidParameterValueException', message))
  await bad({ MailFrom: 'a@example.com\r\nBcc: b@example.com' }, 'MailFrom must be an address alone')
  await bad({ MailTo: ['"x" <b@example.com>'] }, 'MailTo must be an address alone')
  await bad({ MailTo: [] }, 'MailTo must have 1 to 20 addresses')
  await bad({ Url: `https://${mail.place}` }, 'must be smtps://HOST')
  await bad({ Url: 'smtp://u:p@mail.example' }, 'must not have a user')
  await bad({ SmtpUserName: 'ops' }, 'SmtpPassword is missing')
  await bad({ CertificateAuthority: 'none' }, 'must be the certificate of an authority')
  await bad({ Type: 'WEBHOOK', Url: urlOf('/x') }, 'MailFrom is for the type MAIL only')
  await world.call('roleback', 'DeleteEventTarget', { Name: 'box' })
})

test('the authority and the password of a mail server can be taken away again', async () => {
  const authority = certificates()
  try {
    await authority.authority('company')
    const [MailFrom, MailTo] = ['backups@example.com', ['ops@example.com']]
    const box = { Name: 'box', Type: 'MAIL', Url: `smtp://${mail.place}`, MailFrom, MailTo }
    const CertificateAuthority = readFileSync(authority.at('company.pem'), 'utf8')
    await put({ ...box, SmtpUserName: 'ops', SmtpPassword: 'right', CertificateAuthority })
    const test = async (): Promise<string | undefined> =>
      (await world.call('roleback', 'TestEventTarget', { Name: 'box' })).Message
    const before = mail.taken.length
    const inTheClear = 'it does not speak TLS with status 500'
    assert.equal(await test(), inTheClear, 'with an authority nothing is said in the clear')
    // What is not said stays.
    await put({ Name: 'box', Type: 'MAIL', MailFrom: 'others@example.com' })
    assert.equal(await test(), inTheClear)
    await put({ Name: 'box', Type: 'MAIL', CertificateAuthority: '' })
    assert.equal(await test(), undefined)
    await put({ Name: 'box', Type: 'MAIL', CertificateAuthority })
    const removal = ['notify', 'put', 'box', '--type', 'mail', '--no-ca-file', '--no-user']
    const taken = await roleback(removal, { env: environment() })
    assert.equal(taken.code, 0, taken.stderr)
    assert.equal(await test(), undefined)
    const users = mail.taken.slice(before).map(({ user }) => user)
    assert.deepEqual(users, ['ops', undefined])
    await assert.rejects(
      put({ ...box, SmtpUserName: '', SmtpPassword: 'right' }),
      awsError('InvalidParameterValueException', 'SmtpUserName must have 1 to 320'),
    )
    await world.call('roleback', 'DeleteEventTarget', { Name: 'box' })
  } finally {
    authority.remove()
  }
})

const NOTHING = { Effect: 'Deny', Action: '*', Resource: '*' }

const pings = (): string[] =>
  receiver.received.filter(({ path }) => path.startsWith('/ping/')).map(({ path }) => path)

test('R23 addresses are secrets, and go only where the operator lets them', async () => {
  const { EventTargets } = await world.call('roleback', 'ListEventTargets', {})
  const shown = JSON.stringify(EventTargets) + world.lines.join('\n')
  assert.ok(shown.includes(receiver.place))
  assert.ok(!shown.includes('/hook') && !shown.includes('whsec_'))
  assert.ok(!JSON.stringify(world.rows('select * from audit')).includes('/hook'))
  assert.ok(!JSON.stringify(world.rows('select * from event_target')).includes('/hook'))
  const refused = (input: Partial<InputOf<'roleback', 'PutEventTarget'>>, text: string): Promise<void> =>
    assert.rejects(
      put({ Name: 'bad', Type: 'WEBHOOK', Url: urlOf('/bad'), ...input }),
      awsError('InvalidParameterValueException', text),
    )
  await refused({ Url: 'http://hooks.example/secret' }, 'must be https')
  await refused({ Url: 'ftp://x' }, 'must be an https:// address')
  await refused({ Url: 'https://u:p@hooks.example/' }, 'must not have a user')
  await refused({ Type: 'PIGEON' }, 'must be one of WEBHOOK')
  await refused({ EventPattern: '{"source":"x"}' }, 'means nothing here')
  await refused({ SigningSecret: 'short' }, 'must be "whsec_"')
  await refused({ Type: 'SLACK', SigningSecret: 'whsec_x' }, 'for the type WEBHOOK only')
  // The server's own port, and one that nobody allowed: judged when the connection is made.
  const own = new URL(world.url)
  await put({ Name: 'inward', Type: 'WEBHOOK', Url: `https://${own.host}/` })
  const { IsDelivered, Message } = await world.call('roleback', 'TestEventTarget', { Name: 'inward' })
  assert.equal(IsDelivered, false)
  assert.match(Message ?? '', /own address|loopback/)
  await world.call('roleback', 'DeleteEventTarget', { Name: 'inward' })
})

test('the command line puts, tries, lists and deletes targets', async () => {
  const env = environment()
  const file = join(world.scratch, 'url')
  writeFileSync(file, `${urlOf('/cli')}\n`)
  const made = await roleback(['notify', 'put', 'cli', '--type', 'webhook', '--url-file', file], { env })
  assert.equal(made.code, 0, made.stderr)
  assert.match(made.stdout, /^whsec_/)
  const tried = await roleback(['notify', 'test', 'cli'], { env })
  assert.equal(tried.code, 0, tried.stderr)
  assert.ok(at('/cli').some(({ text }) => text.includes('Roleback Test Event')))
  receiver.answers.set('/cli', [404])
  const missed = await roleback(['notify', 'test', 'cli'], { env })
  assert.equal(missed.code, 1)
  assert.match(missed.stderr, /cli did not take a test event: it answered with status 404/)
  const listed = await roleback(['notify', 'list'], { env })
  assert.match(listed.stdout, /^NAME +TYPE +HOST +TOOK THE LAST/)
  const gone = await roleback(['notify', 'delete', 'cli'], { env })
  assert.equal(gone.code, 0, gone.stderr)
  await assert.rejects(
    world.call('roleback', 'TestEventTarget', { Name: 'cli' }),
    awsError('ResourceNotFoundException', 'Cannot find event target "cli"'),
  )
})
