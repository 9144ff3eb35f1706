import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { startMailServer } from '../../test/servers/smtp.ts'
import { ServerKey } from '../keyring/server-key.ts'
import { createLog } from '../lib/log.ts'
import { ACCOUNT, NOW, REGION, targetOf } from '../store/contract-rows.ts'
import { openAuditChain } from '../store/audit/audit-chain.ts'
import { deliveryCounts, insertDeliveries, retryDeliveries } from '../store/events/event-deliveries.ts'
import { putEventTarget } from '../store/events/event-targets.ts'
import type { DeclaredTarget } from '../store/events/event-targets.ts'
import { claimEvents, recordNotice } from '../store/events/events.ts'
import { openStore } from '../store/store.ts'
import { Deliverer } from './deliver.ts'
import type { Event } from './event.ts'
import { failedBackup } from './event.fixture.ts'
import { parsePattern } from './pattern.ts'
import type { Message } from './message.ts'
import { EventRouter } from './router.ts'
import { pingPattern, requestFor, sealTarget } from './target.ts'
import type { HttpKind } from './target.ts'
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
  await using hook = await openHook(receiver)
  await hook.owe(2)
  for (let i = 0; i < 9; i++) {
    await hook.run()
    hook.pass(HOUR_MS)
  }
  assert.deepEqual([tries, taken], [9, []], 'nothing overtakes it while there is hope')
  await hook.run()
  hook.pass(HOUR_MS)
  await hook.run()
  assert.deepEqual([tries, taken], [10, ['2']])
  assert.deepEqual(await hook.givenUp(), [{ sequence: 1, last_error: 'it answered with status 422' }])
})

test('what is not taken for a week is given up, is counted, and can be sent again', async () => {
  const taken: string[] = []
  let status = 503
  const receiver = createServer((request, response) => {
    if (status === 204) taken.push(String(request.headers['webhook-id']))
    response.writeHead(status).end()
  })
  await using hook = await openHook(receiver)
  const counts = async () => (await deliveryCounts(hook.store.db, ['t1'])).get('t1')
  await hook.owe(2)
  await hook.run()
  hook.pass(7 * 24 * HOUR_MS - 1)
  await hook.owe(1)
  await hook.run()
  assert.deepEqual(await counts(), { owed: 3, givenUp: 0 }, 'a week is not over')
  hook.pass(HOUR_MS)
  await hook.run()
  assert.deepEqual(await counts(), { owed: 1, givenUp: 2 }, 'those of a week ago, tried or not')
  const last_error = 'it answered with status 503'
  assert.deepEqual(await hook.givenUp(), [
    { sequence: 1, last_error },
    { sequence: 2, last_error },
  ])
  status = 204
  hook.pass(HOUR_MS)
  await hook.run()
  assert.equal(taken.length, 1, 'what was given up is not sent by itself')
  assert.equal(await retryDeliveries(hook.store, 't1', hook.now()), 2)
  await hook.run()
  assert.deepEqual([taken.length, await counts()], [3, { owed: 0, givenUp: 0 }])
  assert.deepEqual(await hook.told(), [
    '2 messages to event target t1 were given up: it answered with status 503',
  ])
})

test('a mail tells at once, and what comes within the next minute together', async () => {
  await using box = await openBox()
  const { server, owe } = box
  await owe('FAILED')
  await box.run()
  await owe('COMPLETED', 'FAILED', 'FAILED')
  await box.run(30_000)
  assert.equal(server.taken.length, 1, 'a minute has not gone by')
  server.answers.push(451)
  await box.run(30_000)
  assert.equal(server.taken.length, 1, 'it was told to try later')
  await box.run(1_000)
  const subjects = server.taken.map(
    ({ text }) => /^Subject: (.*(?:\r\n .*)*)/m.exec(text)?.[1]?.replaceAll('\r\n', '') ?? '',
  )
  assert.match(subjects[0] ?? '', /^Roleback: FAILED backup job arn:aws:elasticfilesystem:/)
  assert.match(decoded(subjects[1] ?? ''), /^Roleback: 2 × FAILED backup job, COMPLETED backup job$/)
  assert.deepEqual(server.taken[0]?.to, MAIL.to)
})

test('of a mail that is refused for good the one event that it is refused for is given up, and all others are told once', async () => {
  await using box = await openBox()
  const { server, owe } = box
  const names = Array.from({ length: 40 }, (_, i) => `EVENT${String(i + 1).padStart(2, '0')}.`)
  await owe(...names)
  server.refused.push('EVENT23.', 'EVENT24.')
  // Tries that do not reach it are no refusals, however many.
  for (let i = 0; i < 30; i++) server.answers.push(451)
  for (let i = 0; i < 80; i++) await box.run(3_600_000)
  const problem = 'it refused the mail with status 554'
  assert.deepEqual(await box.givenUp(), [
    { sequence: 23, last_error: problem },
    { sequence: 24, last_error: problem },
  ])
  const told = server.taken.flatMap(({ text }) => text.match(/EVENT\d\d\./g) ?? [])
  const wanted = names.filter((name) => !server.refused.includes(name))
  assert.deepEqual([...new Set(told)].toSorted(), wanted)
  for (const name of wanted)
    assert.equal(server.taken.filter(({ text }) => text.includes(name)).length, 1, name)
})

test('each chat gets its own form, whole, and the same plain words', () => {
  const event = failedBackup('id', { statusMessage: 'a <b> & *c*' })
  const bodyOf = (kind: HttpKind): unknown =>
    JSON.parse(requestFor(kind, { url: 'https://chat.example/x' }, { event }, { sequence: 1, at: 0 }).body)
  const lines = [
    'Backup Job State Change: FAILED',
    'arn:aws:backup:us-east-1:111122223333:backup-vault:daily',
    'a <b> & *c*',
    'account 111122223333, us-east-1, 2026-11-01T02:00:00Z',
  ]
  const [head, arn, , foot] = lines as [string, string, string, string]
  assert.deepEqual(bodyOf('MATRIX'), {
    text: lines.join('\n'),
    html: [head, arn, 'a &lt;b&gt; &amp; *c*', foot].join('<br>'),
  })
  assert.deepEqual(bodyOf('TEAMS'), {
    type: 'message',
    attachments: [
      {
        contentType: 'application/vnd.microsoft.card.adaptive',
        content: {
          type: 'AdaptiveCard',
          $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
          version: '1.4',
          body: lines.map((text) => ({ type: 'RichTextBlock', inlines: [{ type: 'TextRun', text }] })),
        },
      },
    ],
  })
  assert.deepEqual(bodyOf('SLACK'), {
    text: [head, arn, 'a &lt;b&gt; &amp; *c*', foot].join('\n'),
    unfurl_links: false,
    unfurl_media: false,
    link_names: false,
  })
  assert.deepEqual(bodyOf('DISCORD'), {
    content: [head, arn, String.raw`a \<b\> & \*c\*`, foot].join('\n').replaceAll('-', String.raw`\-`),
    allowed_mentions: { parse: [] },
  })
})

test('a dead man’s switch hears of every end of a run where healthchecks.io has it, and of a pause nothing', () => {
  const pattern = parsePattern(pingPattern('p'))
  const run = (state: string): Event => ({
    ...failedBackup('id'),
    source: 'roleback',
    'detail-type': 'Backup Plan Run State Change',
    detail: { backupPlanId: 'p', state, statusMessage: 'why' },
  })
  const pathOf = (event: Event): string | undefined => {
    if (!pattern(event)) return undefined
    const secret = { url: 'https://hc.example/ping/1/?a=b' }
    const { url, body } = requestFor('PING', secret, { event }, { sequence: 1, at: 0 })
    assert.match(body, /^Backup Plan Run State Change: [A-Z]+\n.*\nwhy\n/)
    return url.pathname + url.search
  }
  const ends = {
    STARTED: '/ping/1/start?a=b',
    COMPLETED: '/ping/1?a=b',
    PARTIAL: '/ping/1/fail?a=b',
    FAILED: '/ping/1/fail?a=b',
    EXPIRED: '/ping/1/fail?a=b',
    ABORTED: '/ping/1/fail?a=b',
    MISSED: '/ping/1/fail?a=b',
    EMPTY: '/ping/1/fail?a=b',
    SUPERSEDED: '/ping/1/log?a=b',
    PAUSED: undefined,
  }
  for (const [state, path] of Object.entries(ends)) assert.equal(pathOf(run(state)), path, state)
  assert.equal(pathOf({ ...run('FAILED'), detail: { backupPlanId: 'other', state: 'FAILED' } }), undefined)
})

const HOUR_MS = 3_600_000

type Target = Pick<DeclaredTarget, 'kind' | 'settings'> & {
  readonly secret: Parameters<typeof sealTarget>[2]
}

/** A target at `place`, what it is owed, and whoever tells it. */
async function openTarget(place: string, { secret, ...declared }: Target) {
  const store = await openStore({ kind: 'sqlite', file: ':memory:' })
  let now = NOW
  const serverKey = new ServerKey(Buffer.alloc(32, 7))
  const pattern = JSON.stringify({ source: ['roleback'] })
  const target = targetOf('t1', { ...declared, pattern, secret: sealTarget(serverKey, 't1', secret) })
  await putEventTarget(store.db, target, { arn: 'arn', now })
  const notice = { detailType: 'Test', resources: [], detail: {}, cause: 'c' }
  await recordNotice(store.db, { ...notice, accountId: ACCOUNT, region: REGION, at: now })
  const [row] = await claimEvents(store, { now, leaseMs: 1, limit: 1 })
  const deliverer = new Deliverer({
    store,
    serverKey,
    clock: { now: () => now, monotonic: () => now },
    log: createLog('silent'),
    reach: { own: [], allowedEndpoints: [place] },
    owner: 'a test',
    region: REGION,
    publicUrl: () => 'http://127.0.0.1',
    managementAccountId: ACCOUNT,
  })
  return {
    store,
    now: (): number => now,
    pass: (ms: number): void => void (now += ms),
    run: async (): Promise<void> => await deliverer.run(),
    owe: async (events: readonly Event[]): Promise<void> =>
      await store.transaction(async (tx) => {
        const owed = events.map((event) => ({
          eventSeq: row?.seq ?? 0,
          targetId: 't1',
          message: JSON.stringify({ event }),
        }))
        await insertDeliveries(tx, owed, now)
      }),
    /** What another target of the account is told of what was given up. */
    told: async (): Promise<readonly string[]> => {
      const options = { store, clock: { now: () => now, monotonic: () => now }, log: createLog('silent') }
      await putEventTarget(store.db, { ...target, name: 'other', target_id: 't2' }, { arn: 'arn', now })
      openAuditChain(store, {
        mac: (text) => serverKey.fingerprint('audit', text),
        accountId: ACCOUNT,
        writer: 'a test',
        now: () => now,
      })
      await new EventRouter({ ...options, region: REGION }).run()
      const rows = await store.db
        .selectFrom('event_delivery')
        .select('message')
        .where('target_id', '=', 't2')
        .execute()
      return rows
        .map(({ message }) => (JSON.parse(message) as Message).event)
        .filter((event) => event['detail-type'] === 'Event Delivery Given Up')
        .map(({ detail }) => String(detail['statusMessage']))
    },
    givenUp: async () =>
      await store.db
        .selectFrom('event_delivery')
        .select(['sequence', 'last_error'])
        .where('given_up_at', 'is not', null)
        .orderBy('sequence')
        .execute(),
  }
}

/** A webhook behind a receiver. */
async function openHook(receiver: Server) {
  await new Promise<void>((resolve) => void receiver.listen(0, '127.0.0.1', resolve))
  const place = `127.0.0.1:${(receiver.address() as AddressInfo).port}`
  const signingSecret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`
  const secret = { url: `http://${place}/`, signingSecret }
  const target = await openTarget(place, { kind: 'WEBHOOK', settings: '{}', secret })
  const trial = (): Event => {
    const time = new Date(target.now()).toISOString()
    return trialOf({ id: 'e', account: ACCOUNT, region: REGION, time })
  }
  return {
    ...target,
    owe: async (count: number): Promise<void> => await target.owe(Array.from({ length: count }, trial)),
    [Symbol.asyncDispose]: async (): Promise<void> => {
      await target.store.close()
      receiver.closeAllConnections()
      await new Promise<void>((resolve) => void receiver.close(() => resolve()))
    },
  }
}

const MAIL = { from: 'backups@example.com', to: ['a@example.com', 'b@example.com'] }

/** A mailbox behind a real mail server. */
async function openBox() {
  const server = await startMailServer({ hideSTARTTLS: true, disabledCommands: ['STARTTLS'] })
  const settings = JSON.stringify({ host: server.place, mail: MAIL })
  const secret = { url: `smtp://${server.place}` }
  const target = await openTarget(server.place, { kind: 'MAIL', settings, secret })
  return {
    ...target,
    server,
    owe: async (...states: readonly string[]): Promise<void> =>
      await target.owe(states.map((state, i) => failedBackup(`${state} ${target.now()} ${i}`, { state }))),
    run: async (laterMs: number = 0): Promise<void> => {
      target.pass(laterMs)
      await target.run()
    },
    [Symbol.asyncDispose]: async (): Promise<void> => {
      await target.store.close()
      await server.stop()
    },
  }
}

/** RFC 2047, Q encoding, of lines that were folded. */
const decoded = (header: string): string =>
  header
    .replaceAll(/\?= +=\?UTF-8\?Q\?/gi, '')
    .replaceAll(/=\?UTF-8\?Q\?(.*?)\?=/gi, (_, text: string) =>
      decodeURIComponent(text.replaceAll('_', ' ').replaceAll('%', '%25').replaceAll('=', '%')),
    )
