import assert from 'node:assert/strict'
import { createVerify, X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import {
  BackupClient,
  GetBackupVaultNotificationsCommand,
  PutBackupVaultNotificationsCommand,
} from '@aws-sdk/client-backup'
import { startReceiver } from '../servers/receiver.ts'
import type { Receiver } from '../servers/receiver.ts'
import { awsError } from '../fixtures/aws-error.ts'
import { roleback } from '../fixtures/command-line.ts'
import {
  ALL_RIGHTS,
  backUpWell,
  makeRole,
  makeVault,
  openWorld,
  registerDirectory,
  until,
} from '../fixtures/world.ts'
import type { World } from '../fixtures/world.ts'

/** What receivers of SNS get of vaults, by a receiver that checks it as those for AWS do. */

interface Sent {
  readonly headers: IncomingHttpHeaders
  readonly message: Readonly<Record<string, string>>
}

let receiver: Receiver
let world: World
let role: string
let source: string
let topic: string

before(async () => {
  receiver = await startReceiver(200)
  world = await openWorld({ serve: { allowEndpoint: [receiver.place] } })
  topic = `arn:aws:sns:${world.region}:${world.accountId}:backups`
  role = await makeRole(world, 'worker', { statements: [ALL_RIGHTS] })
  source = (await registerDirectory(world, 'tree', (path) => writeFileSync(join(path, 'a'), 'a'))).arn
})
after(async () => {
  await world[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
})

const at = (path: string): Sent[] =>
  receiver.received
    .filter((one) => one.path === path && one.status === 200)
    .map(({ headers, text }) => ({ headers, message: JSON.parse(text) as Sent['message'] }))
const put = (Name: string, TopicArn = topic, path = `/${Name}`) =>
  world.call('roleback', 'PutEventTarget', {
    Name,
    Type: 'SNS',
    Url: `http://${receiver.place}${path}`,
    TopicArn,
  })

async function isConfirmed(name: string): Promise<boolean | undefined> {
  const { EventTargets } = await world.call('roleback', 'ListEventTargets', {})
  return EventTargets.find(({ Name }) => Name === name)?.IsConfirmed
}

async function visit(url: string, init?: RequestInit): Promise<{ status: number; text: string }> {
  const response = await fetch(url, init)
  return { status: response.status, text: await response.text() }
}

const asked = (path: string, count = 1): Promise<Sent['message']> =>
  until(
    `${path} to be asked`,
    () =>
      at(path).filter(({ message }) => message['Type'] === 'SubscriptionConfirmation')[count - 1]?.message,
  )

/** As AWS's page on verifying signatures has it, written down a second time. */
async function verify(message: Sent['message']): Promise<boolean> {
  const names =
    message['Type'] === 'Notification'
      ? ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type']
      : ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type']
  const text = names
    .filter((name) => message[name] !== undefined)
    .map((name) => `${name}\n${message[name]}\n`)
    .join('')
  const { status, text: pem } = await visit(message['SigningCertURL'] ?? '')
  assert.equal(status, 200)
  const certificate = new X509Certificate(pem)
  assert.ok(certificate.verify(certificate.publicKey))
  assert.ok(certificate.validToDate.getFullYear() > 9_000 && certificate.validFromDate.getTime() < Date.now())
  return createVerify('RSA-SHA256')
    .update(text)
    .verify(certificate.publicKey, message['Signature'] ?? '', 'base64')
}

test('a receiver of SNS gets what a vault tells its topic, once it has confirmed, signed as SNS signs', async () => {
  await makeVault(world, 'gold')
  const { accessKeyId, secretAccessKey } = world.rootKey
  const credentials = { accessKeyId, secretAccessKey }
  const sdk = new BackupClient({ endpoint: world.url, region: world.region, credentials })
  await sdk.send(
    new PutBackupVaultNotificationsCommand({
      BackupVaultName: 'gold',
      SNSTopicArn: topic,
      BackupVaultEvents: ['BACKUP_JOB_STARTED', 'BACKUP_JOB_COMPLETED'],
    }),
  )
  const kept = await sdk.send(new GetBackupVaultNotificationsCommand({ BackupVaultName: 'gold' }))
  assert.equal(kept.SNSTopicArn, topic)
  receiver.answers.set('/ops', [503])
  await put('ops')
  await put('silent')
  const question = await asked('/ops')
  await asked('/silent')
  assert.equal(question['TopicArn'], topic)
  assert.match(question['Message'] ?? '', /^You have chosen to subscribe to the topic arn:aws:sns:/)
  assert.ok(await verify(question))
  assert.equal(await isConfirmed('ops'), false)
  const tried = await world.call('roleback', 'TestEventTarget', { Name: 'ops' })
  assert.deepEqual([tried.IsDelivered, tried.Message], [false, 'its subscription is not confirmed'])
  const { status, text } = await visit(question['SubscribeURL'] ?? '')
  assert.equal(status, 200, text)
  const arn = /<SubscriptionArn>(.*)<\/SubscriptionArn>/.exec(text)?.[1] ?? ''
  assert.ok(arn.startsWith(`${topic}:`))
  // Visited again it says the same.
  assert.equal((await visit(question['SubscribeURL'] ?? '')).status, 200)
  assert.equal(await isConfirmed('ops'), true)
  await backUpWell(world, { BackupVaultName: 'gold', ResourceArn: source, IamRoleArn: role })
  const told = await until('both notifications', () => {
    const all = at('/ops').filter(({ message }) => message['Type'] === 'Notification')
    return all.length === 2 ? all : undefined
  })
  for (const { headers, message } of told) {
    assert.ok(await verify(message))
    assert.ok(!(await verify({ ...message, Message: 'All is well' })))
    assert.deepEqual(
      ['type', 'id', 'topic-arn', 'subscription-arn'].map(
        (name) => headers[`x-amz-sns-${name === 'type' || name === 'id' ? `message-${name}` : name}`],
      ),
      ['Notification', message['MessageId'], topic, arn],
    )
    assert.equal(headers['content-type'], 'text/plain; charset=UTF-8')
  }
  const [started, completed] = told.map(({ message }) => message)
  assert.equal(started?.['Subject'], 'Notification from AWS Backup')
  assert.match(
    completed?.['Message'] ?? '',
    /^An AWS Backup job was completed successfully\. Recovery point ARN: /,
  )
  const attributes = completed?.['MessageAttributes'] as unknown as Record<string, unknown>
  assert.deepEqual(attributes['State'], { Type: 'String', Value: 'COMPLETED' })
  assert.deepEqual(attributes['EventType'], { Type: 'String', Value: 'BACKUP_JOB' })
  assert.deepEqual(
    at('/silent').map(({ message }) => message['Type']),
    ['SubscriptionConfirmation'],
  )

  const gone = await visit(completed?.['UnsubscribeURL'] ?? '')
  assert.equal(gone.status, 200, gone.text)
  assert.equal(await isConfirmed('ops'), false)
  assert.equal((await visit(question['SubscribeURL'] ?? '')).status, 400, 'its token is used up')
  const states = await until('what became of it to be in the trail', () => {
    const rows = world.rows(
      "select detail from audit where action = 'roleback:EventTargetStateChange' order by seq",
    )
    const details = (rows as readonly { readonly detail: string }[]).map(
      ({ detail }) => JSON.parse(detail) as Record<string, string>,
    )
    const theirs = details.filter(({ name }) => name === 'ops').map(({ state }) => state)
    return theirs.length === 3 ? theirs : undefined
  })
  assert.deepEqual(states, ['PENDING_CONFIRMATION', 'CONFIRMED', 'UNSUBSCRIBED'])
})

test('R23 only the token that was sent confirms: for its topic, for two days, and nothing is found without it', async () => {
  await put('asked')
  const question = await asked('/asked')
  const { Token = '' } = question
  const confirm = (form: Readonly<Record<string, string>>) =>
    visit(`${world.url}/sns`, {
      method: 'POST',
      body: new URLSearchParams({ Action: 'ConfirmSubscription', ...form }),
    })
  const forged = '0'.repeat(Token.length)
  for (const form of [
    { TopicArn: topic, Token: forged },
    { TopicArn: `${topic}x`, Token },
    { TopicArn: topic },
    { Token },
  ] as readonly Readonly<Record<string, string>>[]) {
    const { status, text } = await confirm(form)
    assert.equal(status, 400)
    assert.match(text, /<Code>InvalidParameter<\/Code>/)
  }
  for (const rows of [
    world.rows('select * from event_target'),
    world.rows('select * from event_delivery'),
    world.rows('select * from audit'),
    world.rows('select * from sns_signer'),
  ])
    assert.ok(!JSON.stringify(rows).includes(Token) && !JSON.stringify(rows).includes('PRIVATE KEY'))
  assert.ok(!world.lines.some((line) => line.includes(Token)))
  const db = new DatabaseSync(join(world.dataDir, 'roleback.db'))
  const expire = (to: number): void =>
    void db
      .prepare(
        "update event_target set settings = json_set(settings, '$.subscription.expiresAt', ?) where name = 'asked'",
      )
      .run(to)
  expire(Date.now() - 1)
  assert.equal((await confirm({ TopicArn: topic, Token })).status, 400)
  expire(Date.now() + 60_000)
  db.close()
  assert.equal(await isConfirmed('asked'), false)
  assert.equal((await confirm({ TopicArn: topic, Token })).status, 200)
  assert.equal(await isConfirmed('asked'), true)
  // As it was it stays confirmed; at another place it is asked anew.
  await put('asked')
  assert.equal(await isConfirmed('asked'), true)
  await put('asked', topic, '/elsewhere')
  assert.equal(await isConfirmed('asked'), false)
  assert.notEqual((await asked('/elsewhere'))['Token'], Token)
  const unknown = await visit(
    `${world.url}/sns/?Action=Unsubscribe&SubscriptionArn=${topic}:11111111-1111-1111-1111-111111111111`,
  )
  assert.deepEqual([unknown.status, /<Code>NotFound</.test(unknown.text)], [404, true])
  const odd = await visit(
    `${world.url}/sns/?Action=Unsubscribe&SubscriptionArn=${topic}:${encodeURIComponent('ü'.repeat(36))}`,
  )
  assert.equal(odd.status, 404)
  for (const path of ['/sns/other.pem', '/sns/?Action=Subscribe', '/sns'])
    assert.ok([400, 404].includes((await visit(world.url + path)).status), path)
  await assert.rejects(
    world.call('roleback', 'PutEventTarget', { Name: 'x', Type: 'SNS', Url: `http://${receiver.place}/x` }),
    awsError('InvalidParameterValueException', 'TopicArn is missing'),
  )
})

test('the command line says who listens to a vault’s topic, and where nobody does', async () => {
  const env = {
    AWS_ENDPOINT_URL: world.url,
    AWS_REGION: world.region,
    AWS_ACCESS_KEY_ID: world.rootKey.accessKeyId,
    AWS_SECRET_ACCESS_KEY: world.rootKey.secretAccessKey,
  }
  const heard = await roleback(['notify', 'vault', 'gold'], { env })
  assert.match(heard.stdout, /silent +SNS .*not confirmed: it gets nothing/)
  await makeVault(world, 'unheard')
  await world.call('backup', 'PutBackupVaultNotifications', {
    BackupVaultName: 'unheard',
    SNSTopicArn: `${topic}-other`,
    BackupVaultEvents: ['BACKUP_JOB_FAILED'],
  })
  const unheard = await roleback(['notify', 'vault', 'unheard'], { env })
  assert.equal(unheard.code, 0, unheard.stderr)
  assert.match(unheard.stdout, /Nobody listens to this topic: roleback notify put NAME --type sns/)
})
