import assert from 'node:assert/strict'
import dns from 'node:dns'
import { mkdtempSync, readdirSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, mock, test } from 'node:test'
import { postgresMissing, startPostgres } from '../../../test/servers/postgres.ts'
import type { PostgresServer } from '../../../test/servers/postgres.ts'
import { runTool } from '../../../test/servers/run-tool.ts'
import { backUp, restoreInto } from '../driver.contract.ts'
import type { ContractSource } from '../driver.contract.ts'
import { MemoryPoint } from '../driver.memory.ts'
import { ArchiveReader, DumpDamagedError } from './postgresql-archive.ts'
import { createPostgresqlDriver } from './postgresql.ts'

const NAME = 'orders'
const PASSWORD = 'pw-canary-1'
const ARN = `arn:aws:rds:us-east-1:111122223333:db:${NAME}`

/** A dump tool that behaves badly, and what the job must say. `REAL` is the real tool, `DUMP` a whole dump of the database. */
const BAD_DUMPS: readonly { name: string; script: string; says: RegExp; stallMs?: number }[] = [
  { name: 'is killed', script: 'head -c 2000 $DUMP; kill -9 $$', says: /pg_dump was ended by SIGKILL/ },
  { name: 'ends with 0 and no output', script: 'exit 0', says: /cut off/ },
  { name: 'ends with 0 and half the output', script: 'head -c 20000 $DUMP', says: /cut off/ },
  { name: 'ends with 0 and all but the last byte', script: 'head -c -1 $DUMP', says: /cut off/ },
  {
    name: 'ends with 0 and something behind the end',
    script: 'cat $DUMP; printf x',
    says: /unknown kind 120/,
  },
  { name: 'ends with 0 and plain text', script: 'echo "-- PostgreSQL dump"', says: /custom format/ },
  {
    name: 'ends with 1 after full output',
    script: 'cat $DUMP; echo "error: late" >&2; exit 1',
    says: /code 1: error: late/,
  },
  {
    name: 'hangs',
    script: 'head -c 2000 $DUMP; sleep 1000',
    says: /no sign of life for 300 ms/,
    stallMs: 300,
  },
  {
    name: 'hangs behind its back',
    script: 'cat $DUMP; sleep 1000 & echo $! > $DUMP.child; exit 0',
    says: /no sign of life/,
    stallMs: 300,
  },
  {
    name: 'writes 1 GiB to stderr',
    script: 'head -c 1073741824 /dev/zero >&2; echo "the last line" >&2; exit 3',
    says: /code 3: .*the last line$/,
  },
  {
    name: 'says the password',
    script: `sed 's/.*:/password is /' $PGPASSFILE >&2; exit 1`,
    says: /code 1: password is \*\*\*$/,
  },
]

describe('PostgreSQL driver and its tools', { skip: postgresMissing() ?? false }, () => {
  let server: PostgresServer
  let scratch: string
  let dump: Buffer
  let factsJson: Buffer
  before(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'roleback-test-tools-'))
    server = await startPostgres({ dir: mkdtempSync(join(tmpdir(), 'roleback-test-pg-')) })
    await server.sql(`CREATE ROLE ${NAME} LOGIN CREATEDB PASSWORD '${PASSWORD}'`)
    await server.sql(`CREATE DATABASE ${NAME} OWNER ${NAME}`)
    await server.sql(
      `SET ROLE ${NAME};
       CREATE TABLE a AS SELECT i, md5(i::text) AS t FROM generate_series(1, 400) i;
       CREATE TABLE b AS SELECT i FROM generate_series(1, 400) i;
       CREATE TABLE c (x int); CREATE TABLE d AS SELECT repeat('x', 3000) AS long;
       SELECT lo_from_bytea(9, 'large'::bytea)`,
      NAME,
    )
    const { point } = await backUp({ driver: createPostgresqlDriver(), makeSource }, sourceOf())
    const bytes = (at: number): Buffer => Buffer.concat(point.held[at]?.chunks ?? [])
    factsJson = bytes(0)
    dump = bytes(1)
    await writeFile(join(scratch, 'dump'), dump, { mode: 0o644 })
  })
  after(async () => {
    await server.stop()
    await rm(scratch, { recursive: true, force: true })
  })

  const makeSource = (): Promise<ContractSource> => Promise.resolve(sourceOf())
  const sourceOf = (restored = `${NAME}2`): ContractSource => ({
    resource: { arn: ARN, uniqueId: 'r-1', name: NAME, tags: {} },
    connection: () => ({
      settings: { host: server.host, port: server.port, database: NAME, user: NAME, tlsMode: 'disable' },
      secret: PASSWORD,
    }),
    change: () => Promise.resolve(),
    restore: {
      metadata: { DBInstanceIdentifier: restored },
      target: { arn: `${ARN}2`, name: restored, isNew: true },
    },
    assertSame: () => Promise.resolve(),
    restored: async () =>
      (
        await server.sql<{ n: string }>(`SELECT datname AS n FROM pg_database WHERE datname = '${restored}'`)
      ).map(({ n }) => n),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  })

  const withTool = async (tool: 'pg_dump' | 'pg_restore', script: string, stallMs = 60_000) => {
    const dir = mkdtempSync(join(scratch, 'fake-'))
    await mkdir(dir, { recursive: true })
    const other = tool === 'pg_dump' ? 'pg_restore' : 'pg_dump'
    const version = `[ "$1" = --version ] && { echo "${tool} (PostgreSQL) 15.99"; exit 0; }`
    const text = `#!/bin/sh\nDUMP=${scratch}/dump\nREAL=${server.toolsDir}/${tool}\n${version}\n${script}\n`
    await writeFile(join(dir, tool), text, { mode: 0o755 })
    await writeFile(join(dir, other), `#!/bin/sh\nexec ${server.toolsDir}/${other} "$@"\n`, { mode: 0o755 })
    return { driver: createPostgresqlDriver({ toolDirectories: [dir], stallMs }), makeSource }
  }

  for (const { name, script, says, stallMs } of BAD_DUMPS) {
    test(`a backup fails when pg_dump ${name}`, async () => {
      const tested = await withTool('pg_dump', script, stallMs)
      await assert.rejects(backUp(tested, sourceOf()), (error: Error) => {
        assert.match(error.message, says)
        assert.ok(!error.message.includes(PASSWORD))
        assert.ok(error.message.length < 1500)
        return true
      })
    })
  }

  test('what a failed tool left running is ended with it', async () => {
    const child = (await readFile(join(scratch, 'dump.child'), 'utf8')).trim()
    await goneFromProc(child)
  })

  test('R23 pg_dump and pg_restore go to the address that was judged, whatever the name means by then', async () => {
    // Known to this process alone: a tool that looks it up finds nothing.
    const { lookup } = dns
    const known = mock.method(dns, 'lookup', (host: string, ...rest: [object, () => void]) => {
      lookup(host === 'database.test' ? server.host : host, ...rest)
    })
    try {
      const tested = { driver: createPostgresqlDriver(), makeSource }
      const source = sourceOf(`${NAME}3`)
      const named: ContractSource = {
        ...source,
        connection: (purpose) => {
          const { settings, secret } = source.connection(purpose)
          return { settings: { ...settings, host: 'database.test' }, secret }
        },
      }
      const { point } = await backUp(tested, named)
      await restoreInto(tested, named, point)
      assert.deepEqual(await source.restored(), [`${NAME}3`])
    } finally {
      known.mock.restore()
    }
  })

  test('a backup names both versions when pg_dump is older than the server, and says so when there is none', async () => {
    const dir = mkdtempSync(join(scratch, 'old-'))
    const tested = { driver: createPostgresqlDriver({ toolDirectories: [dir] }), makeSource }
    await assert.rejects(
      backUp(tested, sourceOf()),
      /pg_dump was not found on this host: install the PostgreSQL \d+ client/,
    )
    await writeFile(join(dir, 'pg_dump'), '#!/bin/sh\necho "pg_dump (PostgreSQL) 9.6.24"\n', { mode: 0o755 })
    await assert.rejects(
      backUp(tested, sourceOf()),
      /pg_dump 9\.6 .* is older than the server, which is PostgreSQL \d+: install/,
    )
  })

  test('a backup that is stopped ends its pg_dump', async () => {
    const tested = await withTool('pg_dump', `head -c 2000 $DUMP; echo $$ > ${scratch}/pid; exec sleep 1000`)
    const controller = new AbortController()
    const running = backUp(tested, sourceOf(), { signal: controller.signal })
    const { watch } = await import('node:fs/promises')
    for await (const { filename } of watch(scratch, { signal: AbortSignal.timeout(120_000) })) {
      if (filename === 'pid' && (await readFile(join(scratch, 'pid'), 'utf8')) !== '') break
    }
    controller.abort(new Error('stopped by the user'))
    await assert.rejects(running, /stopped by the user/)
    const pid = (await readFile(join(scratch, 'pid'), 'utf8')).trim()
    await goneFromProc(pid)
  })

  const pointOf = (bytes: Uint8Array): MemoryPoint =>
    MemoryPoint.of([
      { item: { key: Buffer.from('database.json'), kind: 1, meta: Uint8Array.of(1) }, bytes: factsJson },
      { item: { key: Buffer.from('dump.pgc'), kind: 2, meta: Uint8Array.of(1) }, bytes },
    ])

  test('a restore of a dump cut at any of 100 places fails and leaves nothing', async () => {
    const tested = { driver: createPostgresqlDriver(), makeSource }
    // The reader alone, at every single place.
    for (let length = 0; length < dump.length; length++) {
      const reader = new ArchiveReader()
      reader.feed(dump.subarray(0, length))
      assert.throws(() => reader.finish(), DumpDamagedError, `cut at ${length}`)
    }
    // The driver with the real pg_restore, into a database that must stay empty: the next one would be refused else.
    await server.sql(`CREATE DATABASE cut OWNER ${NAME}`)
    const empty: ContractSource = {
      ...sourceOf('cut'),
      connection: (target) => {
        const { settings, secret } = sourceOf().connection(target)
        return { settings: { ...settings, database: 'cut' }, secret }
      },
    }
    const target = { arn: `${ARN}-cut`, name: 'cut', isNew: false }
    for (let part = 0; part < 100; part++) {
      const place = Math.floor((part * dump.length) / 100)
      const restoring = restoreInto(tested, empty, pointOf(dump.subarray(0, place)), { target })
      await assert.rejects(restoring, /The dump ends/, `cut at ${place}`)
    }
    await restoreInto(tested, empty, pointOf(dump), { target })
    // And once into a new one, which must go.
    const fresh = sourceOf('cut_new')
    await assert.rejects(restoreInto(tested, fresh, pointOf(dump.subarray(0, -1))), DumpDamagedError)
    assert.deepEqual(await fresh.restored(), [])
  })

  const BAD_RESTORES: readonly { name: string; script: string; says: RegExp }[] = [
    {
      name: 'ends with 0 and did nothing',
      script: 'exit 0',
      says: /before it was given the whole dump|has 0 tables/,
    },
    {
      name: 'reads all, ends with 0 and did nothing',
      script: 'cat > /dev/null',
      says: /has 0 tables after the restore, 4 were to be restored/,
    },
    {
      name: 'is killed',
      script: 'head -c 2000 > /dev/null; kill -9 $$',
      says: /pg_restore was ended by SIGKILL/,
    },
    { name: 'ends with 1 after it did everything', script: '$REAL "$@"; exit 1', says: /code 1/ },
  ]
  for (const { name, script, says } of BAD_RESTORES) {
    test(`a restore fails and leaves no database when pg_restore ${name}`, async () => {
      const tested = await withTool('pg_restore', script)
      const source = sourceOf()
      await assert.rejects(restoreInto(tested, source, pointOf(dump)), says)
      assert.deepEqual(await source.restored(), [])
    })
  }

  test('the archive reader finds what pg_restore finds, however the bytes are cut', () => {
    for (const size of [1, 7, 4096, dump.length]) {
      const reader = new ArchiveReader()
      for (let at = 0; at < dump.length; at += size) reader.feed(dump.subarray(at, at + size))
      const { tables, dataBlocks, dumpVersion } = reader.finish()
      assert.equal(tables, 4)
      assert.equal(dataBlocks, 5)
      assert.match(dumpVersion, /^\d+\.\d+/)
    }
  })

  test('a database name made to be an option or a connection string is refused before any tool starts', async () => {
    const tested = { driver: createPostgresqlDriver(), makeSource }
    for (const DBName of ['--file=/tmp/evil', 'host=evil dbname=x', 'postgresql://evil/x', 'a\nb', '']) {
      const metadata = { DBInstanceIdentifier: DBName === '' ? '-x' : 'fine', DBName }
      await assert.rejects(
        restoreInto(tested, sourceOf(), pointOf(dump), { metadata }),
        /connection string|begins with "-"/,
      )
    }
  })
})

/** Waits for the end of a process that was told to end; a zombie has ended. */
async function goneFromProc(pid: string): Promise<void> {
  for (let tries = 0; readdirSync('/proc').includes(pid); tries++) {
    if (/^State:\s+Z/m.test(await readFile(`/proc/${pid}/status`, 'utf8').catch(() => 'State: Z'))) return
    assert.ok(tries < 1000, `process ${pid} still runs`)
    await runTool('true', [])
  }
}
