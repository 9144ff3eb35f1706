import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Connection } from '../driver.ts'
import { PostgresqlSettingsError, parsePostgresqlSettings } from './postgresql-settings.ts'
import { openToolFolder, toolArguments } from './postgresql-tools.ts'

const GOOD: Connection = {
  settings: { host: 'db.example', port: 5432, database: 'orders', user: 'reader', restoreUser: 'writer' },
  secret: 'pw',
}
const FIXED = { pg_dump: 8, pg_restore: 10 } as const
const VALUES = 100_000

/** Text that is hostile more often than chance would make it. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ maxLength: 12 }),
  fc
    .tuple(
      fc.constantFrom(
        '-',
        '--',
        '--file=/tmp/x',
        '-f',
        'host=evil ',
        'postgres://',
        'postgresql://',
        '/',
        '@',
        '\n',
        '\0',
        '',
      ),
      fc.string({ maxLength: 12 }),
      fc.constantFrom('', '\n', '\0', '=x', ' dbname=y', ',evil', '%eth0', '\r', '\u2028'),
    )
    .map((parts) => parts.join('')),
)

for (const field of ['host', 'database', 'user', 'restoreUser', 'port'] as const) {
  test(`the command line keeps its shape whatever ${field} is (${VALUES} values)`, () => {
    let accepted = 0
    fc.assert(
      fc.property(hostile, (value) => {
        const connection = { ...GOOD, settings: { ...GOOD.settings, [field]: value } }
        let settings
        try {
          settings = parsePostgresqlSettings(connection)
        } catch (error) {
          return error instanceof PostgresqlSettingsError
        }
        accepted++
        const { database, restoreUser } = settings
        for (const tool of ['pg_dump', 'pg_restore'] as const) {
          const args = toolArguments(tool, settings, {
            database,
            user: tool === 'pg_dump' ? settings.user : restoreUser,
          })
          assert.equal(args.length, FIXED[tool])
          for (const arg of args) {
            // Every value is behind the "=" of an option of ours: none stands alone, none begins an option.
            assert.match(
              arg,
              /^--(?:dbname|host|port|username|lock-wait-timeout|format|compress)=[^-]|^--(?:no-password|exit-on-error|single-transaction|no-owner|no-acl)$/,
            )
            assert.doesNotMatch(arg, /[\0\r\n]/)
          }
          const dbname = args.find((arg) => arg.startsWith('--dbname='))?.slice('--dbname='.length) ?? ''
          assert.ok(dbname !== '' && !dbname.includes('=') && !/^postgres(ql)?:\/\//i.test(dbname))
          const host = args.find((arg) => arg.startsWith('--host='))?.slice('--host='.length) ?? ''
          assert.doesNotMatch(host, /[/,@%\s]/)
        }
        return true
      }),
      { numRuns: VALUES },
    )
    assert.ok(accepted > 0, 'no value was accepted: the property would prove nothing')
  })
}

test('toolArguments() refuses a hostile database of a restore itself', () => {
  const where = { host: 'h', port: 1 }
  for (const database of ['-d', 'a=b', 'x\0', 'postgres://evil', '']) {
    assert.throws(() => toolArguments('pg_restore', where, { database, user: 'u' }), PostgresqlSettingsError)
  }
})

test('R9 the password is in a file of mode 0600 that goes away, and escaped as libpq reads it', async () => {
  const { readFile, stat } = await import('node:fs/promises')
  const settings = parsePostgresqlSettings({ ...GOOD, secret: 'a:b\\c' })
  let file: string
  {
    await using folder = await openToolFolder(settings, settings, '192.0.2.1')
    file = folder.env['PGPASSFILE'] as string
    assert.equal((await stat(file)).mode & 0o777, 0o600)
    assert.equal(await readFile(file, 'utf8'), '*:*:*:*:a\\:b\\\\c\n')
    assert.ok(!JSON.stringify(folder.env).includes('a:b'))
    assert.equal(folder.env['PGSSLMODE'], 'verify-full')
    assert.equal(folder.env['PGREQUIREAUTH'], 'scram-sha-256')
  }
  await assert.rejects(stat(file), /ENOENT/)
})

test('parsePostgresqlSettings() takes two passwords as JSON, and never repeats a secret in an error', () => {
  const both = parsePostgresqlSettings({ ...GOOD, secret: '{"password":"one","restorePassword":"two"}' })
  assert.deepEqual([both.password, both.restorePassword], ['one', 'two'])
  for (const secret of ['{"password":"canary"', 'canary\n', '{"password":"canary\\n"}', undefined]) {
    assert.throws(
      () => parsePostgresqlSettings({ ...GOOD, secret }),
      (error: Error) => error instanceof PostgresqlSettingsError && !error.message.includes('canary'),
    )
  }
})
