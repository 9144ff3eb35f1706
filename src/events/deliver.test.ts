import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { startMailServer } from '../../test/servers/smtp.ts'
import { ServerKey } from '../keyring/server-key.ts'
import { createLog } from '../lib/log.ts'
import { ACCOUNT, NOW, REGION } from '../store/contract-rows.ts'
import { insertDeliveries } from '../store/event-deliveries.ts'
import { putEventTarget } from '../store/event-targets.ts'
import { claimEvents, recordNotice } from '../store/events.ts'
import { openStore } from '../store/store.ts'
import { Deliverer } from './deliver.ts'
import { sealTarget } from './target.ts'
import { failedBackup } from './event.fixture.ts'
import { trialOf } from './words.ts'

test('a message that its target refuses as such is given up after ten tries, and the next one is taken', async () => {
  const taken: string[] = []
  let tries = 0
  const receiver = createServer((request, response) => {
    const sequence = String(request.headers['roleback-sequence'])
    if (sequence === '1') tries++
    else taken.push(sequence)
    response.writeHead(sequence === '1' ? 422 : 204).end()
  })
  await new Promise<void>((resolve) => void receiver.listen(0, '127.0.0.1', resolve))
  const place = `127.0.0.1:${(receiver.address() as AddressInfo).port}`
  const store = await openStore({ kind: 'sqlite', file: ':memory:' })
  try {
    let now = NOW
    const serverKey = new ServerKey(Buffer.alloc(32, 7))
    const signingSecret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`
    await putEventTarget(
      store.db,
      {
        account_id: ACCOUNT,
        name: 'hook',
        target_id: 't1',
        kind: 'WEBHOOK',
        settings: '{}',
        secret: sealTarget(serverKey, 't1', { url: `http://${place}/`, signingSecret }),
        pattern: '{}',
        topic_arn: null,
        wants_calls: 0,
        token_hash: null,
      },
      { arn: 'arn', now },
    )
    const notice = { detailType: 'Test', resources: [], detail: {}, cause: 'c' }
    await recordNotice(store.db, { ...notice, accountId: ACCOUNT, region: REGION, at: now })
    const [row] = await claimEvents(store, { now, leaseMs: 1, limit: 1 })
    const event = trialOf({ id: 'e', account: ACCOUNT, region: REGION, time: new Date(now).toISOString() })
    const owed = { eventSeq: row?.seq ?? 0, targetId: 't1', message: JSON.stringify({ event }) }
    await store.transaction(async (tx) => await insertDeliveries(tx, [owed, owed], now))
    const deliverer = new Deliverer({
      store,
      serverKey,
      clock: { now: () => now, monotonic: () => now },
      log: createLog('silent'),
      reach: { own: [], allowedEndpoints: [place] },
      owner: 'a test',
      publicUrl: () => 'http://127.0.0.1',
      managementAccountId: ACCOUNT,
    })
    for (let i = 0; i < 9; i++) {
      await deliverer.run()
      now += 3_600_000
    }
    assert.deepEqual([tries, taken], [9, []], 'nothing overtakes it while there is hope')
    await deliverer.run()
    now += 3_600_000
    await deliverer.run()
    assert.deepEqual([tries, taken], [10, ['2']])
    const rows = await store.db
      .selectFrom('event_delivery')
      .select(['sequence', 'last_error'])
      .where('given_up_at', 'is not', null)
      .execute()
    assert.deepEqual(rows, [{ sequence: 1, last_error: 'it answered with status 422' }])
  } finally {
    await store.close()
    receiver.closeAllConnections()
    await new Promise<void>((resolve) => void receiver.close(() => resolve()))
  }
})

test('a mail tells at once, what comes within the next minute together, and what is refused for good is given up', async () => {
  const server = await startMailServer({ hideSTARTTLS: true, disabledCommands: ['STARTTLS'] })
  const store = await openStore({ kind: 'sqlite', file: ':memory:' })
  try {
    let now = NOW
    const serverKey = new ServerKey(Buffer.alloc(32, 7))
    const mail = { from: 'backups@example.com', to: ['a@example.com', 'b@example.com'] }
    await putEventTarget(
      store.db,
      {
        account_id: ACCOUNT,
        name: 'box',
        target_id: 't1',
        kind: 'MAIL',
        settings: JSON.stringify({ host: server.place, mail }),
        secret: sealTarget(serverKey, 't1', { url: `smtp://${server.place}` }),
        pattern: '{}',
        topic_arn: null,
        wants_calls: 0,
        token_hash: null,
      },
      { arn: 'arn', now },
    )
    const notice = { detailType: 'Test', resources: [], detail: {}, cause: 'c' }
    await recordNotice(store.db, { ...notice, accountId: ACCOUNT, region: REGION, at: now })
    const [row] = await claimEvents(store, { now, leaseMs: 1, limit: 1 })
    const owe = async (...states: readonly string[]): Promise<void> =>
      await store.transaction(async (tx) => {
        const owed = states.map((state, i) => ({
          eventSeq: row?.seq ?? 0,
          targetId: 't1',
          message: JSON.stringify({ event: failedBackup(`${state} ${now} ${i}`, { state }) }),
        }))
        await insertDeliveries(tx, owed, now)
      })
    const deliverer = new Deliverer({
      store,
      serverKey,
      clock: { now: () => now, monotonic: () => now },
      log: createLog('silent'),
      reach: { own: [], allowedEndpoints: [server.place] },
      owner: 'a test',
      publicUrl: () => 'http://127.0.0.1',
      managementAccountId: ACCOUNT,
    })
    await owe('FAILED')
    await deliverer.run()
    await owe('COMPLETED', 'FAILED', 'FAILED')
    now += 30_000
    await deliverer.run()
    assert.equal(server.taken.length, 1, 'a minute has not gone by')
    now += 30_000
    server.answers.push(451)
    await deliverer.run()
    assert.equal(server.taken.length, 1, 'it was told to try later')
    now += 1_000
    await deliverer.run()
    const subjects = server.taken.map(
      ({ text }) => /^Subject: (.*(?:\r\n .*)*)/m.exec(text)?.[1]?.replaceAll('\r\n', '') ?? '',
    )
    assert.match(subjects[0] ?? '', /^Roleback: FAILED backup job arn:aws:elasticfilesystem:/)
    assert.match(decoded(subjects[1] ?? ''), /^Roleback: 2 × FAILED backup job, COMPLETED backup job$/)
    assert.deepEqual(server.taken[0]?.to, mail.to)

    await owe('FAILED', 'FAILED')
    for (let i = 0; i < 10; i++) {
      now += 3_600_000
      server.answers.push(554)
      await deliverer.run()
    }
    const rows = await store.db
      .selectFrom('event_delivery')
      .select(['sequence', 'last_error'])
      .where('given_up_at', 'is not', null)
      .execute()
    const problem = 'it refused the mail with status 554'
    assert.deepEqual(rows, [
      { sequence: 5, last_error: problem },
      { sequence: 6, last_error: problem },
    ])
    assert.equal(server.taken.length, 2)
  } finally {
    await store.close()
    await server.stop()
  }
})

/** RFC 2047, Q encoding, of lines that were folded. */
const decoded = (header: string): string =>
  header
    .replaceAll(/\?= +=\?UTF-8\?Q\?/gi, '')
    .replaceAll(/=\?UTF-8\?Q\?(.*?)\?=/gi, (_, text: string) =>
      decodeURIComponent(text.replaceAll('_', ' ').replaceAll('%', '%25').replaceAll('=', '%')),
    )
