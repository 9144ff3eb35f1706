import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeRecoveryKit } from '../../keyring/recovery-kit.ts'
import { ServerKey } from '../../keyring/server-key.ts'
import type { Clock } from '../../lib/clock.ts'
import { createLog } from '../../lib/log.ts'
import { insertAccount, insertServer } from '../../store/identity/accounts.ts'
import { insertRole } from '../../store/identity/identities.ts'
import { roleRow } from '../../store/contract-rows.ts'
import { openStore } from '../../store/store.ts'
import type { Store } from '../../store/store.ts'
import {
  listIdentityExports,
  readIdentityManifest,
  readIdentityPart,
} from '../../vault/points/identity-exports.ts'
import type { Vault } from '../../vault/vault.ts'
import { IdentityExports } from './identity-export.ts'
import type { IdentityLine } from './identity-rows.ts'
import { openSystemVault } from './system-vault.ts'
import { VaultRegistry } from '../vaults/vault-registry.ts'

/** What the tests of identity exports begin with. */

export const ACCOUNTS: readonly string[] = ['111122223333', '222233334444']
export const NOW: number = Date.UTC(2026, 10, 28, 12)
export const PASSPHRASE = 'a passphrase of the tests'
export const SECRET = 'the secret of the far database'

export interface Bench extends AsyncDisposable {
  readonly dir: string
  readonly store: Store
  readonly serverKey: ServerKey
  readonly clock: { ms: number }
  readonly lines: string[]
  readonly kitText: string
  readonly exports: IdentityExports
  /** Another server on the same rows. */
  another(): IdentityExports
  vault(): Promise<Vault>
}

/** A store, vaults on a disk, and a clock that the test moves. */
export async function openBench(): Promise<Bench> {
  const dir = mkdtempSync(join(tmpdir(), 'roleback-identity-'))
  const store = await openStore({ kind: 'sqlite', file: ':memory:' })
  const serverKey = new ServerKey(Buffer.alloc(32, 7))
  const clock = { ms: NOW }
  const passed: Clock = { now: () => clock.ms, monotonic: () => performance.now() }
  const lines: string[] = []
  const log = createLog('json', (line) => void lines.push(line))
  const kit = makeRecoveryKit(PASSPHRASE, { cost: 1024 })
  await insertServer(store.db, {
    server_id: 'server-1',
    created_at: NOW,
    management_account_id: ACCOUNTS[0] as string,
    region: 'us-east-1',
    recovery_kit_public_key: kit.publicKey,
    epoch: 1,
  })
  for (const account_id of ACCOUNTS)
    await insertAccount(store.db, { account_id, name: 'x', created_at: NOW, root_last_used_at: null })
  const vaults = new VaultRegistry({
    store,
    serverKey,
    coldRoots: new Map(),
    roots: new Map([['us-east-1', dir]]),
    dataDir: dir,
    log,
  })
  const tools = { store, serverKey, vaults, clock: passed, log }
  return {
    dir,
    store,
    serverKey,
    clock,
    lines,
    kitText: kit.withSigners([serverKey.identitySigner]),
    exports: new IdentityExports(tools),
    another: () => new IdentityExports(tools),
    vault: async () => (await openSystemVault(tools, 'a test')).vault,
    [Symbol.asyncDispose]: async () => {
      await vaults.close()
      await store.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** What an export says, by account. */
export async function linesOf(
  vault: Vault,
  number: number,
): Promise<ReadonlyMap<string | null, IdentityLine[]>> {
  const name = (await listIdentityExports(vault.store)).find((one) => one.number === number)
  assert.ok(name !== undefined, `export ${number} is not there`)
  const { manifest } = await readIdentityManifest(vault.store, vault.keys, name)
  const found = new Map<string | null, IdentityLine[]>()
  for (const part of manifest.parts) {
    const lines = (await readIdentityPart(vault.store, vault.keys, part)) as IdentityLine[]
    found.set(part.accountId, [...(found.get(part.accountId) ?? []), ...lines])
  }
  return found
}

export const role = (name: string, account_id: string): Parameters<typeof insertRole>[1] => ({
  ...roleRow(name),
  account_id,
})
