import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { awsError } from './fixtures/aws-error.ts'
import { makeTenant } from './fixtures/tenant.ts'
import type { Tenant } from './fixtures/tenant.ts'
import { openWorld, until } from './fixtures/world.ts'
import type { World } from './fixtures/world.ts'
import { startReceiver } from './servers/receiver.ts'
import type { Receiver } from './servers/receiver.ts'

/** What another account's administrator, and a receiver that means ill, do with events. */

let receiver: Receiver
let world: World
let tenant: Tenant
/** Takes every message, after a while that is just short enough; and how many it has at the same time. */
const STALL_MS = 3_000
let stalled = 0
let mostStalled = 0
const tarpit = createServer((request, response) => {
  stalled++
  mostStalled = Math.max(mostStalled, stalled)
  request.resume()
  setTimeout(() => {
    stalled--
    response.writeHead(204).end()
  }, STALL_MS)
})

before(async () => {
  receiver = await startReceiver(200)
  await new Promise<void>((resolve) => void tarpit.listen(0, '127.0.0.1', resolve))
  world = await openWorld({ serve: { allowEndpoint: [receiver.place, tarpitPlace()] } })
  tenant = await makeTenant(world, 'tenant')
})
after(async () => {
  await world[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
  tarpit.closeAllConnections()
  await new Promise<void>((resolve) => void tarpit.close(() => resolve()))
})

const tarpitPlace = (): string => `127.0.0.1:${(tarpit.address() as AddressInfo).port}`

test('nobody has the server sign SNS messages in the name of another account’s topic', async () => {
  const topic = `arn:aws:sns:${world.region}:${world.accountId}:backups`
  const Url = `http://${receiver.place}/ops`
  await assert.rejects(
    tenant.call('roleback', 'PutEventTarget', { Name: 'forger', Type: 'SNS', Url, TopicArn: topic }),
    awsError('InvalidParameterValueException', 'TopicArn must be of this account'),
  )
  // What is not signed for the topic may name it: a vault may tell another account's, and somebody here may listen.
  await tenant.call('roleback', 'PutEventTarget', { Name: 'hook', Type: 'WEBHOOK', Url, TopicArn: topic })
  await tenant.call('roleback', 'DeleteEventTarget', { Name: 'hook' })
  const own = topic.replace(world.accountId, tenant.accountId)
  await tenant.call('roleback', 'PutEventTarget', { Name: 'own', Type: 'SNS', Url, TopicArn: own })
  const question = await until('the endpoint to be asked', () => receiver.received[0])
  assert.equal(question.headers['x-amz-sns-topic-arn'], own)
  await tenant.call('roleback', 'DeleteEventTarget', { Name: 'own' })
})

test('receivers that are slow on purpose keep no other account waiting, however many there are', async () => {
  const EventPattern = JSON.stringify({ 'detail-type': ['Backup Vault State Change'] })
  await world.call('roleback', 'PutEventTarget', {
    Name: 'quick',
    Type: 'WEBHOOK',
    Url: `http://${receiver.place}/quick`,
    EventPattern,
  })
  const make = async (call: World['call'], name: string): Promise<void> =>
    void (await call('backup', 'CreateBackupVault', { BackupVaultName: name }))
  const msOfSixMore = async (name: string): Promise<number> => {
    const told = (): number => receiver.received.filter(({ path }) => path === '/quick').length
    const [before, startedAt] = [told(), performance.now()]
    for (let i = 0; i < 6; i++) await make(world.call, `${name}-${i}`)
    await until('six vaults to be told', () => (told() >= before + 6 ? true : undefined))
    return performance.now() - startedAt
  }
  const aloneMs = await msOfSixMore('alone')
  for (let i = 0; i < 12; i++)
    await tenant.call('roleback', 'PutEventTarget', {
      Name: `slow-${i}`,
      Type: 'WEBHOOK',
      Url: `http://${tarpitPlace()}/`,
      EventPattern,
    })
  for (let i = 0; i < 6; i++) await make(tenant.call, `slow-${i}`)
  await until('the slow ones to hold the senders up', () => (stalled > 2 ? true : undefined))
  const tookMs = await msOfSixMore('quick')
  assert.ok(stalled > 0, 'while the slow ones still have messages')
  // A busy machine takes its time over six messages alone, too.
  const allowedMs = 2 * STALL_MS + 10 * aloneMs
  assert.ok(tookMs < allowedMs, `six messages took ${Math.round(tookMs)} ms, alone ${Math.round(aloneMs)}`)
  assert.ok(mostStalled <= 4, `${mostStalled} of the eight senders were held up by one account`)
})
