import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { KeySourceError, parseKeySource, serverKeyFrom } from './key-source.ts'
import { ServerKey } from './server-key.ts'

const scratch = mkdtempSync(join(tmpdir(), 'roleback-key-source-'))
after(() => rmSync(scratch, { recursive: true }))

const MASTER = Buffer.alloc(32, 9)
const SEALED = new ServerKey(MASTER).seal('page-token', '', Buffer.from('p'))

function script(name: string, lines: string): string {
  const file = join(scratch, name)
  writeFileSync(file, `#!/bin/sh\n${lines}\n`, { mode: 0o700 })
  return file
}

async function opens(text: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  return (await serverKeyFrom(parseKeySource(text, env))).open('page-token', '', SEALED).toString()
}

function refuses(text: string, pattern: RegExp, env: NodeJS.ProcessEnv = {}): Promise<void> {
  return assert.rejects(
    async () => await serverKeyFrom(parseKeySource(text, env)),
    (error) => error instanceof KeySourceError && (assert.match(error.message, pattern), true),
  )
}

test("the server's key comes from a file, a systemd credential or a command that unwraps it", async () => {
  const file = join(scratch, 'key')
  writeFileSync(file, `${MASTER.toString('base64')}\n`, { mode: 0o400 })
  assert.equal(await opens(`file:${file}`), 'p')
  assert.equal(await opens('credential:key', { CREDENTIALS_DIRECTORY: scratch }), 'p')
  // systemd's own show the mask of their access control list as the group's mode.
  chmodSync(file, 0o440)
  assert.equal(await opens('credential:key', { CREDENTIALS_DIRECTORY: scratch }), 'p')
  await refuses(`file:${file}`, /others may read it \(mode 40\)\. Run chmod 400/)
  assert.equal(await opens(`command:${script('unwrap', 'cat "$1"')}  ${file}`), 'p')
})

test('a key that cannot be had is refused with what was tried, and without what it was', async () => {
  await refuses('file:/nowhere/key', /"\/nowhere\/key": it is not there\. Bring it back .* openssl rand/)
  await refuses('credential:key', /systemd hands none .* LoadCredentialEncrypted=key:FILE/)
  await refuses('credential:../key', /is not the name of a systemd credential/, {
    CREDENTIALS_DIRECTORY: scratch,
  })
  await refuses('key', /is not file:PATH, credential:NAME or command:/)
  await refuses('command:cat key', /does not name its program by its whole path/)
  await refuses(
    'command:/nowhere/unwrap',
    /Cannot unwrap .* "\/nowhere\/unwrap": .*ENOENT.*nothing was changed/,
  )
  await refuses(
    `command:${script('locked', 'echo the token is locked >&2; exit 3')}`,
    /it ended with 3: the token is locked\./,
  )
  const half = `command:${script('half', 'echo c2VjcmV0')}`
  await refuses(half, /it is not one line with the base64 of 32 bytes/)
  await assert.rejects(
    () => opens(half),
    (error: Error) => !error.message.includes('c2VjcmV0'),
  )
  await refuses(`command:${script('flood', 'head -c 10000000 /dev/zero')}`, /it is not one line/)
})

test('what is no file, or far too long for a key, is refused and not waited for', async () => {
  const pipe = join(scratch, 'pipe')
  assert.equal(spawnSync('mkfifo', ['-m', '600', pipe]).status, 0)
  await refuses(`file:${pipe}`, /pipe": it is no file, not one line with the base64 of 32 bytes/)
  await refuses(`file:${scratch}`, /it is no file/)
  const long = join(scratch, 'long')
  writeFileSync(long, 'A'.repeat(10_000), { mode: 0o400 })
  await refuses(`file:${long}`, /it is 10000 bytes long/)
})

test(
  'a key that belongs to another user is refused: he may read it, whatever its mode',
  { skip: process.getuid?.() !== 0 && 'only root can give a file to somebody else' },
  async () => {
    const file = join(scratch, 'theirs')
    writeFileSync(file, `${MASTER.toString('base64')}\n`, { mode: 0o400 })
    chownSync(file, 65_534, 65_534)
    await refuses(`file:${file}`, /it belongs to user 65534, who may read and change it\. Run chown 0 on it/)
    chownSync(file, 0, 0)
    assert.equal(await opens(`file:${file}`), 'p')
  },
)

test("the command does not get the server's own settings", async () => {
  process.env['ROLEBACK_ROOT_SECRET_ACCESS_KEY'] = 'of-nobody-else'
  try {
    await refuses(`command:${script('tells', 'env | grep -c ROLEBACK_ >&2; exit 1')}`, /ended with 1: 0\./)
  } finally {
    delete process.env['ROLEBACK_ROOT_SECRET_ACCESS_KEY']
  }
})
