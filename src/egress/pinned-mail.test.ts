import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { certificates } from '../../test/fixtures/certificates.ts'
import { startMailServer } from '../../test/servers/smtp.ts'
import { MailRefusedError, sendPinnedMail } from './pinned-mail.ts'
import type { PinnedMail } from './pinned-mail.ts'
import { EgressError } from './pinned-request.ts'

const { at, authority, signed, remove } = certificates()
after(remove)
await authority('ca')
await signed('mail', 'ca', 'localhost')
await signed('elsewhere', 'ca', 'elsewhere.test')
const files = (name: string): { key: Buffer; cert: Buffer } => ({
  key: readFileSync(at(`${name}.key`)),
  cert: readFileSync(at(`${name}.pem`)),
})
const CA = readFileSync(at('ca.pem'), 'utf8')
const MAIL = {
  from: 'backups@example.com',
  to: ['ops@example.com'],
  subject: 'FAILED backup job',
  text: 'why',
  messageId: '<1@example.com>',
  headers: { 'Auto-Submitted': 'auto-generated' },
}

const starttls = await startMailServer(files('mail'))
const tls = await startMailServer({ ...files('mail'), secure: true })
const wrong = await startMailServer({ ...files('elsewhere'), secure: true })
const clear = await startMailServer({ hideSTARTTLS: true, disabledCommands: ['STARTTLS'] })
const all = [starttls, tls, wrong, clear]
after(async () => void (await Promise.all(all.map((server) => server.stop()))))
const reach = { own: [], allowedEndpoints: all.map(({ port }) => `localhost:${port}`) }

async function send(url: string, more: Partial<PinnedMail> = {}): Promise<void> {
  await sendPinnedMail(reach, {
    url: new URL(url),
    credentials: undefined,
    authority: CA,
    mail: MAIL,
    timeoutMs: 60_000,
    ...more,
  })
}

const refusing = (message: RegExp, isForGood: boolean) => (error: unknown) => {
  assert.ok(error instanceof MailRefusedError, String(error))
  assert.match(error.message, message)
  assert.equal(error.isForGood, isForGood)
  return true
}
const unreachable = (message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof EgressError, String(error))
  assert.match(error.message, message)
  return true
}

test('R23 mail goes out under TLS that is verified, from the start or by STARTTLS, to what was looked up', async () => {
  const credentials = { user: 'ops', password: 'right' }
  await send(`smtp://localhost:${starttls.port}`, { credentials })
  await send(`smtps://localhost:${tls.port}`, { credentials })
  for (const { taken } of [starttls, tls]) {
    const [mail, ...more] = taken
    assert.deepEqual(more, [])
    assert.deepEqual(
      [mail?.isSecure, mail?.user, mail?.from, mail?.to],
      [true, 'ops', 'backups@example.com', ['ops@example.com']],
    )
    assert.match(mail?.text ?? '', /^Auto-Submitted: auto-generated\r$/m)
    assert.match(mail?.text ?? '', /^Message-ID: <1@example\.com>\r$/m)
  }
})

test('R23 a certificate that nobody known signed, or of another host, is not spoken to, nor a server without TLS', async () => {
  await assert.rejects(
    send(`smtps://localhost:${tls.port}`, { authority: undefined }),
    unreachable(/certificate|verify/),
  )
  await assert.rejects(send(`smtps://localhost:${wrong.port}`), unreachable(/altnames/))
  await assert.rejects(
    send(`smtp://localhost:${clear.port}`, { credentials: { user: 'ops', password: 'right' } }),
    refusing(/does not speak TLS/, false),
  )
  assert.deepEqual([wrong.taken, clear.taken, tls.taken.length], [[], [], 1])
  // Where the operator named loopback and nobody an authority, a mail server beside this one is spoken to as it is.
  await send(`smtp://localhost:${clear.port}`, { authority: undefined })
  assert.equal(clear.taken.length, 1)
})

test('R23 mail goes where the operator lets it, and never to the server itself', async () => {
  const url = new URL(`smtp://localhost:${starttls.port}`)
  const asked = { url, credentials: undefined, authority: CA, mail: MAIL, timeoutMs: 60_000 }
  await assert.rejects(sendPinnedMail({ own: [], allowedEndpoints: [] }, asked), unreachable(/loopback/))
  const own = { ...reach, own: [{ host: '127.0.0.1', port: starttls.port }] }
  await assert.rejects(sendPinnedMail(own, asked), unreachable(/own address/))
  const listed = { ...asked, url: new URL('smtps://203.0.113.1'), isListedOnly: true }
  await assert.rejects(sendPinnedMail(reach, listed), unreachable(/has not named it/))
})

test('a mail server that refuses says whether it is for good, and its own words are not repeated', async () => {
  const url = `smtp://localhost:${starttls.port}`
  const credentials = { user: 'ops', password: 'wrong' }
  await assert.rejects(
    send(url, { credentials }),
    refusing(/^it refused the user name and password with status 535$/, false),
  )
  starttls.answers.push(451, 554)
  await assert.rejects(send(url), refusing(/^it refused the mail with status 451$/, false))
  await assert.rejects(send(url), refusing(/^it refused the mail with status 554$/, true))
})
