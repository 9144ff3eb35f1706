import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { contextOf, evaluate } from '../policy/evaluate.ts'
import type { PolicyLayers } from '../policy/evaluate.ts'
import { findDenial, findDenialPolicy } from '../store/audit/denials.ts'
import type { DenialTable } from '../store/audit/schema-denials.ts'
import type { Store } from '../store/store.ts'
import { openStore } from '../store/store.ts'
import { compiledPolicy } from './compiled.ts'
import type { Principal } from './principal.ts'
import type { Question } from './proposal.ts'
import { keepRefusal, refusalMessage } from './refusal.ts'
import { principalView } from './request-context.ts'

const OWN = '111122223333'
const OTHER = '999988887777'
const NOW = Date.UTC(2026, 0, 1)
const ALICE: Principal = {
  kind: 'user',
  accountId: OWN,
  arn: `arn:aws:iam::${OWN}:user/alice`,
  uniqueId: 'AIDAALICE',
  identityId: 'AIDAALICE',
  tags: { team: 'secret-team' },
}

const document = (...statements: readonly object[]): string =>
  JSON.stringify({ Version: '2012-10-17', Statement: statements })

const identity = (...statements: readonly object[]): PolicyLayers['identity'] => [
  compiledPolicy(document(...statements), 'identity', { type: 'inline', name: 'own', attachedTo: ALICE.arn }),
]

const NOTHING_MUCH = { Effect: 'Allow', Action: 'backup:ListTags', Resource: '*' }

function questionOf(layers: PolicyLayers, owner = OWN, more: Partial<Question['request']> = {}): Question {
  return {
    request: {
      principal: principalView(ALICE),
      action: 'backup:CopyIntoBackupVault',
      resource: `arn:aws:backup:us-east-1:${owner}:backup-vault:v`,
      resourceAccountId: owner,
      context: contextOf({ 'aws:PrincipalTag/team': 'secret-team', 'aws:SourceIp': '127.0.0.1' }),
      ...more,
    },
    layers,
  }
}

async function storeOf(t: TestContext): Promise<Store> {
  const store = await openStore({ kind: 'sqlite', file: ':memory:' })
  t.after(() => store.close())
  return store
}

async function refuse(
  store: Store,
  question: Question,
  at = NOW,
): Promise<{ readonly id: string; readonly message: string }> {
  const decision = evaluate(question.request, question.layers)
  assert.equal(decision.allowed, false)
  const id = await keepRefusal(store.db, ALICE, question, decision, { at })
  return { id, message: refusalMessage(ALICE, question, decision, id) }
}

async function rowOf(store: Store, account: string, id: string): Promise<DenialTable> {
  return (await findDenial(store.db, account, id)) ?? assert.fail(`no denial ${id} in ${account}`)
}

test('a refused client in a loop makes one row an hour, and a changed policy or circumstance another', async (t) => {
  const store = await storeOf(t)
  const ids = new Set<string>()
  for (let call = 0; call < 500; call++) {
    const context = contextOf({ 'aws:CurrentTime': new Date(NOW + call).toISOString() })
    const { id } = await refuse(
      store,
      questionOf({ identity: identity(NOTHING_MUCH) }, OWN, { context }),
      NOW + call,
    )
    ids.add(id)
  }
  assert.equal(ids.size, 1)
  const row = await rowOf(store, OWN, [...ids][0] as string)
  assert.deepEqual([row.count, row.at, row.last_at], [500, NOW, NOW + 499])
  const others = [
    questionOf({ identity: identity(NOTHING_MUCH, { ...NOTHING_MUCH, Action: 'backup:Get*' }) }),
    questionOf({ identity: identity(NOTHING_MUCH) }, OWN, {
      context: contextOf({ 'aws:SourceIp': '127.0.0.2' }),
    }),
    questionOf({ identity: identity(NOTHING_MUCH) }, OWN, { action: 'backup:DeleteBackupVault' }),
  ]
  for (const other of others) ids.add((await refuse(store, other)).id)
  ids.add((await refuse(store, questionOf({ identity: identity(NOTHING_MUCH) }), NOW + 3_600_000)).id)
  assert.equal(ids.size, 5)
})

test('the policies that a refusal met are kept as they were', async (t) => {
  const store = await storeOf(t)
  const { id } = await refuse(store, questionOf({ identity: identity(NOTHING_MUCH) }))
  const [policy] = JSON.parse((await rowOf(store, OWN, id)).policies) as {
    digest: string
    statements: number
  }[]
  assert.equal(await findDenialPolicy(store.db, OWN, policy?.digest ?? ''), document(NOTHING_MUCH))
})

const vaultPolicy = (...statements: readonly object[]): PolicyLayers['resource'] =>
  compiledPolicy(document(...statements), 'vault', {
    type: 'resource',
    arn: `arn:aws:backup:us-east-1:${OTHER}:backup-vault:v`,
    name: 'v',
  })

test('R15 a refusal by another account’s policy is generic outside, and explained on each side without the other’s policies', async (t) => {
  const store = await storeOf(t)
  const theirs = {
    Sid: 'TheirRule',
    Effect: 'Deny',
    Principal: '*',
    Action: 'backup:CopyIntoBackupVault',
    Resource: '*',
    Condition: { StringEquals: { 'aws:SourceIp': '127.0.0.1' } },
  }
  const nearly = {
    ...theirs,
    Sid: 'NearlyTheirs',
    Condition: { StringEquals: { 'aws:PrincipalTag/team': 'other-team' } },
  }
  const mine = { Sid: 'MineAlone', Effect: 'Allow', Action: '*', Resource: '*' }
  const asked = questionOf({ identity: identity(mine), resource: vaultPolicy(theirs, nearly) }, OTHER)
  const { id, message } = await refuse(store, asked)
  const sentence = `User: ${ALICE.arn} is not authorized to perform: backup:CopyIntoBackupVault on resource: ${asked.request.resource}`
  assert.equal(message, `${sentence}. Authorization id: ${id} (roleback explain ${id})`)

  const inside = await rowOf(store, OWN, id)
  assert.doesNotMatch(JSON.stringify(inside), /Theirs?\b|TheirRule|NearlyTheirs|ExplicitDeny|explicit deny/)
  assert.match(JSON.stringify(inside), /MineAlone|another account/)
  const owners = await rowOf(store, OTHER, id)
  assert.equal(owners.side, 'resource')
  assert.doesNotMatch(JSON.stringify(owners), /MineAlone|secret-team/)
  assert.match(owners.reason, /^with an explicit deny in a resource-based policy/)
  assert.match(owners.evaluations, /TheirRule/)
  assert.match(owners.near, /a condition on aws:principaltag is not met/)
  // The other account's policies have no part in the id: a change of theirs is not seen outside.
  const changed = questionOf({ identity: identity(mine), resource: vaultPolicy(nearly) }, OTHER)
  const again = await refuse(store, changed)
  assert.deepEqual([again.id, again.message], [id, message])
  const newest = await rowOf(store, OTHER, id)
  assert.deepEqual([newest.count, newest.effect], [2, 'ImplicitDeny'])
})

test('R15 what the caller’s own account refuses is explained to it alone', async (t) => {
  const store = await storeOf(t)
  const open = { Effect: 'Allow', Principal: '*', Action: 'backup:CopyIntoBackupVault', Resource: '*' }
  const asked = questionOf({ identity: identity(NOTHING_MUCH), resource: vaultPolicy(open) }, OTHER)
  const { id, message } = await refuse(store, asked)
  assert.match(message, /because no identity-based policy allows the backup:CopyIntoBackupVault action/)
  assert.equal((await rowOf(store, OWN, id)).layer, 'identity')
  assert.equal(await findDenial(store.db, OTHER, id), undefined)
})
