import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openStore } from '../store/store.ts'
import { decideWebAssumption } from './web-identity.ts'

const ACCOUNT = '123456789012'

test('a claim in another spelling does not stand for the verified subject or audience', async () => {
  const store = await openStore({ kind: 'sqlite', file: ':memory:' })
  try {
    const identity = {
      accountId: ACCOUNT,
      providerArn: `arn:aws:iam::${ACCOUNT}:oidc-provider/idp.test`,
      providerUrl: 'idp.test',
      subject: 'alice',
      audience: 'app',
      claims: {
        sub: 'alice',
        aud: 'app',
        Sub: 'root-user',
        AUD: 'other',
        OAud: 'x',
        amr: ['pwd'],
        AMR: ['mfa'],
      },
    }
    const assumption = {
      identity,
      sessionName: 'session',
      region: 'us-east-1',
      now: Date.UTC(2026, 0, 1),
      sourceIp: undefined,
      tags: {},
      transitiveTagKeys: [],
    }
    const target = { arn: `arn:aws:iam::${ACCOUNT}:role/r`, accountId: ACCOUNT, role: undefined }
    const [asked] = await decideWebAssumption(store.db, assumption, target)
    const context = asked?.question.request.context
    assert.deepEqual(
      ['sub', 'aud', 'oaud', 'amr'].map((name) => context?.get(`idp.test:${name}`)),
      ['alice', 'app', 'app', ['pwd']],
    )
  } finally {
    await store.close()
  }
})
