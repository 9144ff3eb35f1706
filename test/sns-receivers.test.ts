import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer, globalAgent } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import MessageValidator from 'sns-validator'
import { uuid } from '../src/lib/ids.ts'
import { awsCliMissing, awsCliOf } from './fixtures/aws-cli.ts'
import { certificates } from './fixtures/certificates.ts'
import {
  ALL_RIGHTS,
  backUpWell,
  makeRole,
  makeVault,
  openWorld,
  registerDirectory,
  until,
} from './fixtures/world.ts'
import type { World } from './fixtures/world.ts'
import { startReceiver } from './servers/receiver.ts'
import type { Receiver } from './servers/receiver.ts'

/**
 * A receiver of SNS as others have built it: it verifies with AWS's own library, which fetches the certificate over TLS from the host
 * that it was told, and confirms and unsubscribes with the aws CLI.
 */

const authority = certificates()
/** What stands in front of the server and speaks TLS, by the name that `--public-url` says. */
const front = createServer()
let receiver: Receiver
let world: World

before(async () => {
  await authority.authority('company')
  await authority.signed('front', 'company', 'localhost')
  front.setSecureContext({
    key: readFileSync(authority.at('front.key')),
    cert: readFileSync(authority.at('front.pem')),
  })
  globalAgent.options.ca = readFileSync(authority.at('company.pem'))
  await new Promise<void>((resolve) => void front.listen(0, '127.0.0.1', resolve))
  receiver = await startReceiver(200)
  world = await openWorld({
    serve: {
      allowEndpoint: [receiver.place],
      publicUrl: `https://localhost:${(front.address() as AddressInfo).port}`,
    },
  })
  front.on('request', (incoming, answer) => {
    const passed = request(
      `${world.url}${incoming.url}`,
      { method: incoming.method, agent: false },
      (from) => {
        answer.writeHead(from.statusCode ?? 502, from.headers)
        from.pipe(answer)
      },
    )
    incoming.pipe(passed)
  })
})
after(async () => {
  await world[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
  front.closeAllConnections()
  await new Promise<void>((resolve) => void front.close(() => resolve()))
  authority.remove()
})

const messages = (type: string): readonly string[] =>
  receiver.received
    .filter(({ path, headers }) => path === '/ops' && headers['x-amz-sns-message-type'] === type)
    .map(({ text }) => text)

test('AWS’s own validator takes every message, and the aws CLI confirms and unsubscribes', async (t) => {
  const missing = awsCliMissing()
  if (missing !== undefined) return t.skip(missing)
  const topic = `arn:aws:sns:${world.region}:${world.accountId}:backups`
  await makeVault(world, 'gold')
  await world.call('backup', 'PutBackupVaultNotifications', {
    BackupVaultName: 'gold',
    SNSTopicArn: topic,
    BackupVaultEvents: ['BACKUP_JOB_STARTED', 'BACKUP_JOB_COMPLETED'],
  })
  await world.call('roleback', 'PutEventTarget', {
    Name: 'ops',
    Type: 'SNS',
    Url: `http://${receiver.place}/ops`,
    TopicArn: topic,
    // By a pattern, too: these are the event as JSON, whose quotes and lines are signed as they are.
    EventPattern: JSON.stringify({ source: ['aws.backup'] }),
  })
  const validator = new MessageValidator(/^localhost:\d+$/)
  const validate = promisify((text: string, done: (error: Error | null) => void) =>
    validator.validate(text, done),
  )
  const question = await until('the question', () => messages('SubscriptionConfirmation')[0])
  await validate(question)
  const { Token, SubscribeURL } = JSON.parse(question) as { Token: string; SubscribeURL: string }
  assert.ok(SubscribeURL.startsWith('https://localhost:'))
  const sns = awsCliOf({ ...world, url: `${world.url}/sns` }, world.rootKey)
  const forged = await sns(`sns confirm-subscription --topic-arn ${topic} --token ${'0'.repeat(64)}`)
  assert.match(forged.errors, /InvalidParameter.*Token/)
  const confirmed = await sns(`sns confirm-subscription --topic-arn ${topic} --token ${Token}`)
  assert.equal(confirmed.exitCode, 0, confirmed.errors)
  const subscription = (confirmed.output as { SubscriptionArn: string }).SubscriptionArn
  assert.ok(subscription.startsWith(`${topic}:`))

  const role = await makeRole(world, 'worker', { statements: [ALL_RIGHTS] })
  const { arn } = await registerDirectory(world, 'ü "tree"\n', (path) => writeFileSync(join(path, 'a'), 'a'))
  await backUpWell(world, { BackupVaultName: 'gold', ResourceArn: arn, IamRoleArn: role })
  await until('what the vault and the pattern have to tell', () =>
    messages('Notification').some((text) => text.includes('Recovery Point State Change')) &&
    messages('Notification').filter((text) => text.includes('Notification from AWS Backup')).length === 2
      ? true
      : undefined,
  )
  for (const text of messages('Notification')) {
    await validate(text)
    const message = JSON.parse(text) as Record<string, string>
    for (const name of ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn'])
      if (message[name] !== undefined)
        await assert.rejects(
          validate(JSON.stringify({ ...message, [name]: `${message[name]}.` })),
          /signature is invalid/,
          name,
        )
  }
  const ended = await sns(`sns unsubscribe --subscription-arn ${subscription}`)
  assert.equal(ended.exitCode, 0, ended.errors)
  const { EventTargets } = await world.call('roleback', 'ListEventTargets', {})
  assert.equal(EventTargets[0]?.IsConfirmed, false)
  const unknown = await sns(`sns unsubscribe --subscription-arn ${topic}:${uuid()}`)
  assert.match(unknown.errors, /NotFound.*Subscription does not exist/)
})
