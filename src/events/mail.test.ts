import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startMailServer } from '../../test/servers/smtp.ts'
import { sendPinnedMail } from '../egress/pinned-mail.ts'
import { failedBackup } from './event.fixture.ts'
import { mailOf, TROUBLE_PATTERN } from './mail.ts'
import { parsePattern } from './pattern.ts'

const PLACE = { from: 'backups@example.com', to: ['ops@example.com'], targetName: 'box', targetId: 't1' }

test('a mail says what failed, of what, why, and what to do next', () => {
  const { subject, text, messageId, headers } = mailOf(PLACE, [{ event: failedBackup('e1') }])
  assert.equal(
    subject,
    'Roleback: FAILED backup job arn:aws:elasticfilesystem:us-east-1:111122223333:file-system/fs-1: the role may not read it',
  )
  assert.match(text, /^Resource: arn:aws:elasticfilesystem:.*fs-1$/m)
  assert.match(text, /^Reason: the role may not read it$/m)
  assert.match(text, /^What to do next: .*\.\/roleback job decisions JOB-1$/m)
  assert.match(messageId, /^<[0-9a-f]{40}@example\.com>$/)
  assert.equal(headers['List-Id'], '<box.111122223333.events.roleback>')
  assert.equal(headers['Auto-Submitted'], 'auto-generated')
  assert.equal(
    mailOf(PLACE, [{ event: failedBackup('e1') }]).messageId,
    messageId,
    'sent again it is the same mail',
  )
  assert.notEqual(mailOf(PLACE, [{ event: failedBackup('e2') }]).messageId, messageId)
})

test('a mailbox hears of what somebody has to look at, and of nothing else unless it asks', () => {
  const isTrouble = parsePattern(TROUBLE_PATTERN)
  assert.ok(isTrouble(failedBackup('e')))
  assert.ok(isTrouble(failedBackup('e', { state: undefined, status: 'FAILED' })))
  assert.ok(isTrouble({ ...failedBackup('e', { state: 'ENDED' }), 'detail-type': 'Server Silence' }))
  assert.ok(isTrouble({ ...failedBackup('e', { state: 'HELD' }), 'detail-type': 'Deletions Held' }))
  assert.ok(!isTrouble(failedBackup('e', { state: 'COMPLETED' })))
})

test('hostile names make no header, no second mail and no markup', async () => {
  const hostile =
    'x\r\nBcc: evil@example.net\r\n\r\n.\r\nMAIL FROM:<evil@example.net>\u2028=?utf-8?q?Bcc=3A?=\0\u202e<b>http://evil.example</b>'
  const event = failedBackup('e', { resourceArn: `arn:${hostile}`, statusMessage: hostile })
  const server = await startMailServer({ hideSTARTTLS: true, disabledCommands: ['STARTTLS'] })
  try {
    for (const messages of [[{ event }], [{ event }, { event: { ...event, 'detail-type': `A ${hostile}` } }]])
      await sendPinnedMail(
        { own: [], allowedEndpoints: [server.place] },
        {
          url: new URL(`smtp://${server.place}`),
          credentials: undefined,
          authority: undefined,
          mail: mailOf(PLACE, messages),
          timeoutMs: 60_000,
        },
      )
    assert.equal(server.taken.length, 2)
    for (const { text, from, to } of server.taken) {
      assert.deepEqual([from, to], ['backups@example.com', ['ops@example.com']])
      const header = text.slice(0, text.indexOf('\r\n\r\n')).replaceAll(/\r\n[ \t]/g, ' ')
      const names = header.split('\r\n').map((line) => line.split(':')[0] ?? '')
      assert.deepEqual(
        names.toSorted(),
        [
          'Auto-Submitted',
          'Content-Transfer-Encoding',
          'Content-Type',
          'Date',
          'From',
          'List-ID',
          'MIME-Version',
          'Message-ID',
          'Subject',
          'To',
          'X-Auto-Response-Suppress',
        ].toSorted(),
      )
      assert.match(header, /^Content-Type: text\/plain; charset=utf-8$/m)
      assert.ok(!text.includes('\0') && !text.includes('\u202e'))
    }
  } finally {
    await server.stop()
  }
})
