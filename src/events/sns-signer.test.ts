import assert from 'node:assert/strict'
import { createVerify } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { postgresMissing, startPostgres } from '../../test/servers/postgres.ts'
import { ServerKey } from '../keyring/server-key.ts'
import { openStore } from '../store/store.ts'
import { openSnsSigner, snsCertificate } from './sns-signer.ts'

test('servers on one PostgreSQL that make the signer at the same time go on with one, and all serve its certificate', async (t) => {
  const missing = postgresMissing()
  if (missing !== undefined) return t.skip(missing)
  const server = await startPostgres({ dir: join(tmpdir(), `roleback-sns-signer-${process.pid}`) })
  try {
    const url = `postgres://super:${server.password}@127.0.0.1:${server.port}/postgres`
    const stores = await Promise.all(Array.from({ length: 4 }, () => openStore({ kind: 'postgres', url })))
    try {
      const signers = await Promise.all(
        // Each with the key as another process has it.
        stores.flatMap((store) => [1, 2].map(() => openSnsSigner(store, new ServerKey(Buffer.alloc(32, 7))))),
      )
      assert.equal(signers.length, 8)
      for (const { fileName, sign } of signers) {
        const certificates = await Promise.all(stores.map((store) => snsCertificate(store, fileName)))
        assert.equal(new Set(certificates).size, 1)
        const [certificate] = certificates
        assert.ok(certificate)
        assert.ok(createVerify('RSA-SHA256').update('text').verify(certificate, sign('text'), 'base64'))
      }
      assert.equal(new Set(signers.map(({ fileName }) => fileName)).size, 1)
      assert.equal((await server.sql('select id from sns_signer')).length, 1)
    } finally {
      await Promise.all(stores.map((store) => store.close()))
    }
  } finally {
    await server.stop()
  }
})
