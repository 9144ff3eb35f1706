import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { sql } from 'kysely'
import { postgresMissing, startPostgres } from '../../test/servers/postgres.ts'
import type { PostgresServer } from '../../test/servers/postgres.ts'
import { freePort, runTool } from '../../test/servers/run-tool.ts'
import { findAccount, insertAccount } from './identity/accounts.ts'
import { openStore } from './store.ts'
import type { Queryable } from './store.ts'

suite('connections to PostgreSQL', { skip: postgresMissing() ?? false }, () => {
  const dir = join(tmpdir(), `roleback-store-conn-${process.pid}`)
  let server: PostgresServer
  before(async () => {
    server = await startPostgres({ dir })
    await server.sql('create database roleback')
  })
  after(async () => await server.stop())
  const urlAt = (port: number): string => `postgres://super:${server.password}@127.0.0.1:${port}/roleback`

  test('connections that are cut at random lose no acknowledged row and no wake', async () => {
    const store = await openStore({ kind: 'postgres', url: urlAt(server.port) })
    const acknowledged: string[] = []
    for (let round = 0; round < 10; round++) {
      const writes = Array.from({ length: 20 }, async (_, i) => {
        const account_id = `${round}-${i}`
        const row = { account_id, name: 'x', created_at: 0, root_last_used_at: null }
        await store.transaction(async (tx) => await insertAccount(tx, row))
        acknowledged.push(account_id)
      })
      const cut = server.sql(
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = 'roleback'`,
      )
      await Promise.allSettled([...writes, cut])
      // Listening again counts as a wake: what was announced meanwhile would be missed otherwise.
      await store.waitForWake(new AbortController().signal, 60_000)
    }
    for (const id of acknowledged) assert.ok(await findAccount(store.db, id), `account ${id} is lost`)
    await store.close()
  })

  test('a server that stops amidst a transaction keeps its rows from nobody, and goes on once it is back', async () => {
    const ours = await openStore({ kind: 'postgres', url: urlAt(server.port) })
    const { rows } = await sql<{
      name: string
    }>`select current_setting('idle_in_transaction_session_timeout') as name`.execute(ours.db)
    assert.deepEqual(rows, [{ name: '10s' }])
    // As long as that would be waited for; the options of a URL take the place of ours.
    const soon = '?options=-c%20idle_in_transaction_session_timeout%3D200'
    const paused = await openStore({ kind: 'postgres', url: urlAt(server.port) + soon })
    const row = { account_id: 'contended', name: 'x', created_at: 0, root_last_used_at: null }
    await insertAccount(ours.db, row)
    const holds = Promise.withResolvers<void>()
    const goesOn = Promise.withResolvers<void>()
    const rename = (name: string) => async (tx: Queryable) =>
      await tx.updateTable('account').set({ name }).where('account_id', '=', 'contended').execute()
    const stopped = paused.transaction(async (tx) => {
      await rename('by the one that stopped')(tx)
      holds.resolve()
      await goesOn.promise
      await rename('too late')(tx)
    })
    await holds.promise
    await ours.transaction(rename('by the other'))
    goesOn.resolve()
    await assert.rejects(stopped)
    assert.equal((await findAccount(paused.db, 'contended'))?.name, 'by the other')
    await ours.close()
    await paused.close()
  })

  test('a hot standby is refused and named', async () => {
    const { uid, gid } = statSync(join(dir, 'data'))
    const standby = join(dir, 'standby')
    const as = { uid, gid, cwd: dir, env: { PGPASSWORD: server.password } }
    const from = ['-h', '127.0.0.1', '-p', String(server.port), '-U', 'super']
    await runTool(join(server.toolsDir, 'pg_basebackup'), ['-D', standby, ...from, '-R', '-c', 'fast'], as)
    const port = await freePort()
    const control = join(server.toolsDir, 'pg_ctl')
    const settings = `-p ${port} -c unix_socket_directories=${dir} -c listen_addresses=127.0.0.1 -c hot_standby=on`
    await runTool(control, ['-D', standby, '-w', '-l', join(dir, 'standby.log'), '-o', settings, 'start'], as)
    try {
      await assert.rejects(
        openStore({ kind: 'postgres', url: urlAt(port) }),
        new RegExp(`at 127.0.0.1:${port}, database "roleback" is a hot standby, which takes no writes`),
      )
    } finally {
      await runTool(control, ['-D', standby, '-m', 'immediate', 'stop'], as)
    }
  })
})
