import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { restoreTestName } from '../../kinds/restore-test.ts'
import { ARN, fingerprint, makeSource } from '../../../test/fixtures/database-sources.ts'
import { startPostgres, postgresMissing } from '../../../test/servers/postgres.ts'
import type { PostgresServer } from '../../../test/servers/postgres.ts'
import { backUp, contractSession, driverContract, restoreInto } from '../driver.contract.ts'
import type { DriverUnderTest } from '../driver.contract.ts'
import type { Connection, PlacedThing } from '../driver.ts'
import { createDatabase } from './postgresql-place.ts'
import type { DatabaseFacts } from './postgresql-server.ts'
import { parsePostgresqlSettings } from './postgresql-settings.ts'
import { createPostgresqlDriver, postgresqlDriver } from './postgresql.ts'

const missing = postgresMissing()

/** Left out of the contract, with the reason. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  'an unchanged source is taken over from the parent unread':
    'PostgreSQL does not say whether a database changed: every backup dumps',
}

describe('PostgreSQL driver', { skip: missing ?? false }, () => {
  let server: PostgresServer
  before(async () => {
    server = await startPostgres({ dir: mkdtempSync(join(tmpdir(), 'roleback-test-pg-')), tls: true })
  })
  after(() => server.stop())

  const tested: DriverUnderTest = { driver: postgresqlDriver, makeSource: () => makeSource(server) }

  for (const { name, run } of driverContract) {
    test(name, { skip: LEFT_OUT[name] ?? false }, () => run(tested))
  }

  test('a restore into a registered empty database fills it, and one into a filled database is refused', async () => {
    await using source = await makeSource(server)
    const { point } = await backUp(tested, source)
    await server.sql(`CREATE DATABASE ${source.name}_empty OWNER ${source.name}`)
    const target = { arn: `${ARN}${source.name}-empty`, name: `${source.name}-empty`, isNew: false }
    const empty = { ...source, connection: () => source.connect({ database: `${source.name}_empty` }) }
    const { summary } = await restoreInto(tested, empty, point, { target })
    assert.equal(summary.created, undefined)
    assert.equal(await fingerprint(server, `${source.name}_empty`), await fingerprint(server, source.name))
    await assert.rejects(
      restoreInto(tested, empty, point, { target }),
      /is not empty \(.*never writes over anything/,
    )
    await server.sql(`DROP DATABASE ${source.name}_empty`)
  })

  test('ItemsToRestore restores these tables with all that makes them whole, and tells what ties them to others', async () => {
    await using source = await makeSource(server)
    const { point } = await backUp(tested, source)
    const restored = `${source.name}_new`
    const of = (...tables: string[]) => ({
      metadata: { DBInstanceIdentifier: restored, ItemsToRestore: JSON.stringify(tables) },
    })
    const { summary } = await restoreInto(tested, source, point, of('public.orders', 'public.measured'))
    assert.equal(summary.itemsRestored, 3)
    const seen = (sql: string, database = restored) => server.sql<Record<string, unknown>>(sql, database)
    const names = await seen(
      `SELECT relname FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'i') AND relnamespace IN ('public'::regnamespace, 'app'::regnamespace) ORDER BY 1`,
    )
    assert.deepEqual(
      names.map(({ relname }) => relname),
      ['measured', 'measured_2026', 'orders', 'orders_customer_idx', 'orders_id_seq', 'orders_pkey'],
    )
    const content = `SELECT md5(string_agg(o::text, ',' ORDER BY id)) AS orders, (SELECT string_agg(m::text, ',') FROM measured m) AS measured FROM orders o`
    assert.deepEqual(await seen(content), await seen(content, source.name))
    const [next] = await seen(`INSERT INTO orders (customer) VALUES ('next') RETURNING id`)
    assert.deepEqual(next, { id: 3003 })
    await server.sql(`DROP DATABASE ${restored}`)
    const odd = await restoreInto(tested, source, point, of('public.odd "name"'))
    assert.match(odd.summary.notes?.join('. ') ?? '', /Only public\.odd "name" of the database was restored/)
    assert.match(
      odd.summary.notes?.join('. ') ?? '',
      /needs other tables: FK CONSTRAINT odd "name" odd "name"_/,
    )
    assert.deepEqual(await seen('SELECT id, length(raw) FROM "odd ""name"""'), [{ id: 1, length: 100000 }])
    await server.sql(`DROP DATABASE ${restored}`)
    await assert.rejects(
      restoreInto(tested, source, point, of('public.absent')),
      /holds no such table: search/,
    )
    await assert.rejects(
      restoreInto(tested, source, point, { metadata: { ...of().metadata, ItemsToRestore: '{' } }),
      /must be a JSON array of 1 to 1000 tables/,
    )
    assert.deepEqual(await source.restored(), [])
  })

  test('a restore under a name that exists is refused and leaves that database alone', async () => {
    await using source = await makeSource(server)
    const { point } = await backUp(tested, source)
    const before = await fingerprint(server, source.name)
    const metadata = { DBInstanceIdentifier: source.name }
    await assert.rejects(
      restoreInto(tested, source, point, { metadata }),
      /exists at 127\.0\.0\.1:\d+: restore under another name/,
    )
    assert.equal(await fingerprint(server, source.name), before)
  })

  test('a restore that fails after the database was made takes it away again, or says that it may not', async () => {
    await using source = await makeSource(server)
    const { point } = await backUp(tested, source)
    point.damaged.add('dump.pgc')
    await assert.rejects(restoreInto(tested, source, point), /is damaged/)
    assert.deepEqual(await source.restored(), [])
    let placed: PlacedThing | undefined
    const placing = (thing: PlacedThing): Promise<void> => Promise.resolve(void (placed = thing))
    const denied = restoreInto(tested, source, point, { denied: ['DeleteHalfMade'], run: { placing } })
    await assert.rejects(denied, /is damaged\. The half-made database "[a-z0-9]+_new" .*rds:DeleteDBInstance/)
    assert.equal((await source.restored()).length, 1)
    point.damaged.clear()
    const run = { attempt: 2, placed }
    await assert.rejects(
      restoreInto(tested, source, point, { denied: ['DeleteHalfMade'], run }),
      /An earlier run of this job was cut off\. The half-made database "[a-z0-9]+_new" .*rds:DeleteDBInstance/,
    )
    // The next run of the same job knows the left-over as its own.
    const { summary } = await restoreInto(tested, source, point, { run })
    await source.assertSame(summary)
  })

  test('a job that runs again replaces the database of the run before, wherever that was cut off, and no other', async () => {
    await using source = await makeSource(server)
    const { point } = await backUp(tested, source)
    const target = `${source.name}_new`
    let placed: PlacedThing | undefined
    const placing = (thing: PlacedThing): Promise<void> => Promise.resolve(void (placed = thing))
    const again = (attempt: number): ReturnType<typeof restoreInto> =>
      restoreInto(tested, source, point, { run: { attempt, placed, placing } })
    // Once it was whole.
    await restoreInto(tested, source, point, { run: { placing } })
    await server.sql('CREATE TABLE of_the_first_run ()', target)
    await source.assertSame((await again(2)).summary)
    assert.deepEqual(await server.sql(`SELECT to_regclass('of_the_first_run')::text AS it`, target), [
      { it: null },
    ])
    // Before it had its name.
    await server.sql(
      `ALTER DATABASE ${target} RENAME TO ".roleback-restore-${contractSession(source).jobId}-2"`,
    )
    await source.assertSame((await again(3)).summary)
    assert.deepEqual(await source.restored(), [target])

    // Somebody else's of the same name, with the comment of ours and of the same account.
    await server.sql(`DROP DATABASE ${target}`)
    await server.sql(`CREATE DATABASE ${target} OWNER ${source.name}`)
    await server.sql(
      `COMMENT ON DATABASE ${target} IS 'Restore job ${contractSession(source).jobId} is not done'`,
    )
    await server.sql('CREATE TABLE foreign_one ()', target)
    await assert.rejects(again(4), /exists at 127\.0\.0\.1:\d+: restore under another name/)
    // Nor one that comes while the restore is under way.
    await server.sql(`ALTER DATABASE ${target} RENAME TO ${target}_kept`)
    const overtaken = restoreInto(tested, source, point, {
      run: {
        attempt: 5,
        placing: async () => void (await server.sql(`ALTER DATABASE ${target}_kept RENAME TO ${target}`)),
      },
    })
    await assert.rejects(overtaken, /already exists \(42P04\): restore under another name/)
    assert.deepEqual(await source.restored(), [target])
    assert.deepEqual(await server.sql(`SELECT to_regclass('foreign_one')::text AS it`, target), [
      { it: 'foreign_one' },
    ])
  })

  test('R16 a validator’s query reads the restored database, and neither writes, nor reads files, nor leads elsewhere', async () => {
    await using source = await makeSource(server)
    const name = restoreTestName(randomBytes(16).toString('hex'))
    const owner = source.name
    await server.sql(`CREATE DATABASE "${name}" OWNER ${owner}`)
    await using _ = {
      [Symbol.asyncDispose]: async () => void (await server.sql(`DROP DATABASE "${name}" WITH (FORCE)`)),
    }
    await server.sql(
      `SET ROLE ${owner};
       CREATE SCHEMA s; CREATE TABLE s.t (id int, note text, at timestamptz, big numeric, gone bool);
       INSERT INTO s.t VALUES (1, 'one', '2026-01-02 03:04:05Z', 12345678901234567890.50, NULL), (2, 'two', NULL, NULL, true);
       CREATE SEQUENCE s.q;
       CREATE FUNCTION s.writes() RETURNS int LANGUAGE plpgsql AS 'BEGIN INSERT INTO s.t VALUES (9); RETURN 1; END';
       CREATE FUNCTION s.reopens() RETURNS int LANGUAGE plpgsql AS 'BEGIN SET transaction_read_only = off; INSERT INTO s.t VALUES (9); RETURN 1; END';
       CREATE FUNCTION s.reads() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM s.t';`,
      name,
    )
    const thing = {
      session: contractSession(source),
      targetArn: `${ARN}${name}`,
      name,
      userArn: `${ARN}user`,
    }
    const content = postgresqlDriver.validation.content(thing)
    const ask = (text: string, limits = { rows: 10, milliseconds: 5_000 }) => content.query(text, limits)
    assert.deepEqual(await ask('SELECT id, note, big, gone FROM s.t ORDER BY id; '), [
      ['1', 'one', '12345678901234567890.50', null],
      ['2', 'two', null, 't'],
    ])
    assert.deepEqual(
      await ask("SELECT 'a;b)', $x$ ) ; $x$, E'\\'', id AS \"Id)\" FROM s.t /* ) /* ; */ */ LIMIT 1 -- ) ;"),
      [['a;b)', ' ) ; ', "'", '1']],
    )
    assert.deepEqual(
      await ask(
        'WITH w AS (SELECT s.reads() AS n) SELECT n, pg_database_size(current_database()) > 0 FROM w',
      ),
      [['2', 't']],
    )
    assert.equal((await ask('SELECT generate_series(1, 1000000)')).length, 10)
    const refusals: readonly (readonly [string, RegExp])[] = [
      // writing
      ['SELECT s.writes()', /cannot execute INSERT in a read-only transaction \(25006\)/],
      ['SELECT s.reopens()', /must be set before any query|read-only/],
      ['DELETE FROM s.t', /syntax error/],
      ['SELECT 1; DELETE FROM s.t', /more than one statement/],
      ['SELECT 1) AS x, (SELECT 2', /closes a parenthesis that it did not open/],
      ['WITH d AS (DELETE FROM s.t RETURNING id) SELECT * FROM d', /data-modifying/],
      ['SELECT * INTO s.u FROM s.t', /INTO/],
      ['SELECT * FROM s.t FOR UPDATE', /read-only transaction/],
      ["SELECT nextval('s.q')", /^It names nextval, which may do more/],
      ['SELECT lo_create(7)', /^It names lo_create/],
      ["SELECT set_config('transaction_read_only', 'off', false)", /^It names set_config/],
      // the server's files and programs
      ["SELECT pg_read_file('/etc/passwd')", /^It names pg_read_file/],
      ['SELECT "pg_ls_dir"(\'/\')', /^It names pg_ls_dir/],
      ["SELECT PG_Catalog . PG_Stat_File ('/etc/passwd')", /^It names pg_stat_file/],
      ['SELECT U&"\\0070g_read_file"(\'/etc/passwd\')', /Unicode escapes/],
      ["COPY s.t TO PROGRAM 'id'", /syntax error/],
      ["SELECT lo_import('/etc/passwd')", /^It names lo_import/],
      // elsewhere
      [
        "SELECT * FROM dblink('host=127.0.0.1', 'SELECT 1') AS t(i int)",
        /function dblink\(unknown, unknown\) does not exist/,
      ],
      ['SELECT * FROM postgres.public.t', /cross-database references/],
      ["SELECT query_to_xml('SELECT pg_terminate_backend(1)', true, true, '')", /^It names query_to_xml/],
      ['SELECT (1).pg_terminate_backend', /^It names pg_terminate_backend/],
      ['SELECT query FROM pg_stat_activity', /^It names pg_stat_activity/],
      ["SELECT pg_notify('c', 'x')", /^It names pg_notify/],
      ['SELECT 1 --\r, pg_advisory_lock(1)', /^It names pg_advisory_lock/],
      ['SELECT 1 AS \u00a0$$, pg_advisory_lock(1) AS x$$', /^It names pg_advisory_lock/],
      ["SELECT E'a'\n'\\'', pg_advisory_lock(1), $q$ ' $q$", /strings behind one another/],
      ['SELECT 1a$$, pg_advisory_lock(1) AS x$$', /a number that runs into a name/],
      // itself
      ["SELECT 'x", /does not close a string/],
      ['SELECT count(*) FROM s.none', /relation "s.none" does not exist \(42P01\)/],
    ]
    for (const [text, why] of refusals) {
      await assert.rejects(ask(text), (error: Error) => {
        assert.equal(error.name, 'QueryRefusedError', `${text}: ${error.message}`)
        assert.match(error.message, why, text)
        return true
      })
    }
    await assert.rejects(
      ask('SELECT count(*) FROM generate_series(1, 1000000000000)', { rows: 1, milliseconds: 50 }),
      /It took longer than 0\.05 s/,
    )
    assert.deepEqual(
      await server.sql('SELECT count(*)::int AS n, (SELECT last_value::int FROM s.q) AS q FROM s.t', name),
      [{ n: 2, q: 1 }],
    )
    assert.deepEqual(await server.sql('SELECT oid FROM pg_largeobject_metadata', name), [])
    // What would open a way is no place to ask in, and who has powers does not ask.
    await server.sql(`CREATE EXTENSION dblink`, name)
    await assert.rejects(ask('SELECT 1'), /could lead elsewhere: it has extension dblink$/)
    await server.sql(`DROP EXTENSION dblink; GRANT pg_read_server_files TO ${owner}`, name)
    await assert.rejects(ask('SELECT 1'), /No query is run as "[a-z0-9]+", which is pg_read_server_files/)
    await server.sql(`REVOKE pg_read_server_files FROM ${owner}`)
    const asSuper = {
      ...source,
      connection: () => source.connect({ user: server.superuser, allowSuperuser: true }, server.password),
    }
    const superThing = { ...thing, session: contractSession(asSuper) }
    await assert.rejects(
      postgresqlDriver.validation.content(superThing).query('SELECT 1', { rows: 1, milliseconds: 1_000 }),
      /No query is run as "super", which is superuser/,
    )
  })

  test('R8 a superuser connection is refused unless it was allowed expressly', async () => {
    await using source = await makeSource(server)
    const asSuperuser = { user: server.superuser }
    const secret = server.password
    const refused = { ...source, connection: () => source.connect(asSuperuser, secret) }
    await assert.rejects(backUp(tested, refused), /"super" is a superuser .* --allow-superuser/)
    const allowed = {
      ...source,
      connection: () => source.connect({ ...asSuperuser, allowSuperuser: true }, secret),
    }
    const { point } = await backUp(tested, allowed)
    assert.equal(point.itemCount, 2)
  })

  test('R8 TLS is verified by default: a wrong name, an unknown authority or no TLS fails the job', async () => {
    await using source = await makeSource(server)
    const signal = new AbortController().signal
    const using = (settings: Connection['settings']): Promise<unknown> => {
      const { tlsMode: _, ...rest } = { ...source.connect({}).settings, ...settings }
      return postgresqlDriver.test({ settings: { ...rest, ...settings }, secret: source.password }, signal)
    }
    const tlsCaPem = server.caPem as string
    await using({ host: 'localhost', tlsCaPem })
    await assert.rejects(using({ host: '127.0.0.1', tlsCaPem }), /IP: 127\.0\.0\.1 is not in the cert/)
    await assert.rejects(using({ host: 'localhost' }), /self-signed certificate/)
    await using({ host: '127.0.0.1', tlsMode: 'require' })
    // The tool itself, not only the client that looks before it.
    const verified = {
      ...source,
      connection: () => source.connect({ host: 'localhost', tlsMode: 'verify-full', tlsCaPem }),
    }
    const { point } = await backUp(tested, verified)
    const { summary } = await restoreInto(tested, verified, point)
    await source.assertSame(summary)
  })

  test('R9 no secret is in the arguments or the environment of the tools, nor left in a file', async () => {
    await using source = await makeSource(server)
    await using spy = await makeSpy(server.toolsDir)
    const driver = createPostgresqlDriver({ toolDirectories: [spy.dir] })
    const { point } = await backUp({ ...tested, driver }, source)
    await restoreInto({ ...tested, driver }, source, point)
    const seen = await spy.read()
    assert.match(seen, /--format=custom/)
    assert.match(seen, /PGPASSFILE=(\S+)/)
    assert.ok(!seen.includes(source.password))
    const names = [...seen.matchAll(/^([A-Z_]+)=/gm)].map(([, name]) => name as string)
    const allowed =
      /^(PATH|LC_ALL|HOME|PWD|SHLVL|_|OLDPWD|PG(HOSTADDR|PASSFILE|SSL\w+|GSSENCMODE|CONNECT_TIMEOUT|APPNAME|REQUIREAUTH))$/
    assert.deepEqual(
      names.filter((name) => !allowed.test(name)),
      [],
    )
    for (const [, file] of seen.matchAll(/PGPASSFILE=(\S+)/g)) {
      await assert.rejects(spy.stat(file as string), /ENOENT/)
    }
  })

  test('test() names what the account may not read and that it may not create databases', async () => {
    await using source = await makeSource(server)
    await server.sql(
      `CREATE ROLE ${source.name}_ro LOGIN PASSWORD 'ro'; GRANT CONNECT ON DATABASE ${source.name} TO ${source.name}_ro`,
    )
    const connection = source.connect({ user: `${source.name}_ro` }, 'ro')
    const { warnings } = await postgresqlDriver.test(connection, new AbortController().signal)
    assert.match(warnings.join('\n'), /may not read \d+ tables, sequences or schemas/)
    assert.match(warnings.join('\n'), /need CREATEDB/)
    const refused = { ...source, connection: () => connection }
    await assert.rejects(backUp(tested, refused), /pg_dump ended with code 1: .*permission denied/)
    const place = { database: `${source.name}_new`, run: { jobId: source.name, attempt: 1 } }
    const facts = { encoding: 'UTF8', collate: 'C', ctype: 'C' } as DatabaseFacts
    const settings = parsePostgresqlSettings(connection)
    await assert.rejects(
      createDatabase(settings, place, facts, { isCalled: assert.fail, placing: () => assert.fail() }),
      /\(42501\): give the account CREATEDB there/,
    )
    const healthy = await postgresqlDriver.test(source.connect({}), new AbortController().signal)
    assert.deepEqual(healthy.warnings, [])
    await server
      .sql(`DROP OWNED BY ${source.name}_ro; DROP ROLE ${source.name}_ro`, source.name)
      .catch(() => undefined)
  })

  test('restores run as the account set apart for them, which then owns everything', async () => {
    await using source = await makeSource(server)
    const { point } = await backUp(tested, source)
    const restorer = `${source.name}_restorer`
    await server.sql(`CREATE ROLE ${restorer} LOGIN CREATEDB PASSWORD 'a:b\\c'`)
    const secret = JSON.stringify({ password: source.password, restorePassword: 'a:b\\c' })
    const split = { ...source, connection: () => source.connect({ restoreUser: restorer }, secret) }
    const { summary } = await restoreInto(tested, split, point)
    await source.assertSame(summary)
    const owners = await server.sql<{ owner: string }>(
      `SELECT DISTINCT tableowner AS owner FROM pg_tables WHERE schemaname IN ('public', 'app')`,
      `${source.name}_new`,
    )
    assert.deepEqual(owners, [{ owner: restorer }])
    // What was made is registered so that the same secret can back it up.
    const made = { settings: summary.created?.settings ?? {}, secret }
    assert.equal(made.settings['user'], restorer)
    const { point: again } = await backUp(tested, { ...source, connection: () => made })
    assert.equal(again.itemCount, 2)
    await server.sql(`DROP DATABASE ${source.name}_new`)
    await server.sql(`DROP ROLE ${restorer}`)
  })
})

/** Tools that write down their arguments and environment, then become the real ones. */
async function makeSpy(
  toolsDir: string,
): Promise<AsyncDisposable & { dir: string; read(): Promise<string>; stat(path: string): Promise<unknown> }> {
  const { mkdtemp, readFile, rm, stat, writeFile } = await import('node:fs/promises')
  const dir = await mkdtemp(join(tmpdir(), 'roleback-spy-'))
  for (const tool of ['pg_dump', 'pg_restore']) {
    const script = `#!/bin/sh\n{ printf '%s\\n' "$@"; env; } >> ${dir}/seen\nexec ${toolsDir}/${tool} "$@"\n`
    await writeFile(join(dir, tool), script, { mode: 0o755 })
  }
  return {
    dir,
    read: () => readFile(join(dir, 'seen'), 'utf8'),
    stat,
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  }
}
