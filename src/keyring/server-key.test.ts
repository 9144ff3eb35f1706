import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { SealError, ServerKey, loadServerKey } from './server-key.ts'

test('ServerKey opens what it sealed, for the same purpose and owner only', () => {
  const key = new ServerKey(Buffer.alloc(32, 7))
  const sealed = key.seal('access-key', 'AKIA1', Buffer.from('secret'))
  assert.equal(key.open('access-key', 'AKIA1', sealed).toString(), 'secret')
  assert.throws(() => key.open('access-key', 'AKIA2', sealed), SealError)
  assert.throws(() => key.open('connection', 'AKIA1', sealed), SealError)
  assert.throws(() => new ServerKey(Buffer.alloc(32, 8)).open('access-key', 'AKIA1', sealed), SealError)
})

test('ServerKey refuses every flipped bit', () => {
  const key = new ServerKey(Buffer.alloc(32, 7))
  const sealed = Buffer.from(key.seal('connection', 'r', Buffer.from('x')), 'base64')
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const copy = Buffer.from(sealed)
    copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7))
    assert.throws(() => key.open('connection', 'r', copy.toString('base64')), SealError)
  }
})

test('ServerKey refuses a sealed text with anything added to it', () => {
  const key = new ServerKey(Buffer.alloc(32, 7))
  const sealed = key.seal('session-token', 'ASIA1', Buffer.from('secret'))
  for (const text of [`${sealed}A`, `${sealed}=`, ` ${sealed}`, `${sealed}\n`, sealed.replace('=', '')]) {
    if (text !== sealed) assert.throws(() => key.open('session-token', 'ASIA1', text), SealError)
  }
})

test('loadServerKey makes a file only its owner may read, and refuses one that others may', () => {
  const dir = mkdtempSync(join(tmpdir(), 'roleback-key-'))
  try {
    const file = join(dir, 'server.key')
    const sealed = loadServerKey(file).seal('page-token', '', Buffer.from('p'))
    assert.equal(statSync(file).mode & 0o777, 0o400)
    assert.equal(loadServerKey(file).open('page-token', '', sealed).toString(), 'p')
    assert.deepEqual(readdirSync(dir), ['server.key'])
    chmodSync(file, 0o444)
    assert.throws(() => loadServerKey(file), /chmod 400/)
    const key = readFileSync(file, 'utf8')
    // Cut off, as a crash or a full disk leaves it; and with something added that decoding passes over.
    for (const text of [
      '',
      '\n',
      key.slice(0, 20),
      key.slice(0, 43),
      `${key}${key}`,
      `!${key}`,
      key.replace('=', '=='),
    ]) {
      rmSync(file)
      writeFileSync(file, text, { mode: 0o400 })
      assert.throws(
        () => loadServerKey(file),
        /server\.key": it is not one line with the base64 of 32 bytes, so it was cut off or changed\. Bring it back/,
        JSON.stringify(text.length),
      )
      assert.equal(readFileSync(file, 'utf8'), text, 'no other is made in its place')
    }
  } finally {
    rmSync(dir, { recursive: true })
  }
})
