import { rootArn } from '../../access/identity-arns.ts'
import type { Config } from '../../config.ts'
import { bringIdentityBack } from '../../jobs/identity/identity-back.ts'
import type { IdentityFacts } from '../../jobs/identity/identity-back.ts'
import type { ImportedIdentity } from '../../jobs/identity/identity-import.ts'
import { rebuildVault } from '../../jobs/rebuild/rebuild.ts'
import type { Rebuilt } from '../../jobs/rebuild/rebuild.ts'
import type { VaultPlace } from '../../jobs/rebuild/rebuild-points.ts'
import { RebuildError } from '../../jobs/rebuild/rebuild-vault.ts'
import type { TakenVault } from '../../jobs/rebuild/rebuild-vault.ts'
import type { RecoveryKit } from '../../keyring/recovery-kit.ts'
import type { ServerKey } from '../../keyring/server-key.ts'
import { uuid } from '../../lib/ids.ts'
import { insertAccount, insertServer } from '../../store/identity/accounts.ts'
import { appendAudit } from '../../store/audit/audit.ts'
import { openAuditChain } from '../../store/audit/audit-chain.ts'
import type { Store } from '../../store/store.ts'
import { insertRootKey, newRootKey } from '../server/first-start.ts'
import type { ColdStores } from './rebuild-cold.ts'
import { configureStorage } from '../server/serve-storage.ts'

/** The rows of a server that was rebuilt: its own, its vaults' and, where they are wanted, those of an identity export. */

export interface Home {
  readonly accountId: string
  readonly region: string
}

/** Which account is the management account is the operator's to say: what heads say are names, not rights. */
export function homeOf(
  places: readonly VaultPlace[],
  given: { readonly accountId: string | undefined; readonly region: string | undefined },
): Home {
  const accounts = [...new Set(places.map(({ account_id }) => account_id))]
  const regions = [...new Set(places.map((place) => place.region))]
  const accountId = given.accountId ?? (accounts.length === 1 ? accounts[0] : undefined)
  const region = given.region ?? (regions.length === 1 ? regions[0] : undefined)
  if (accountId === undefined)
    throw new RebuildError(
      `Cannot tell the management account: the vaults are of ${accounts.length === 0 ? 'none' : accounts.join(', ')}. Name it with --account-id`,
    )
  if (region === undefined)
    throw new RebuildError(
      `Cannot tell the server's region: the vaults are of ${regions.join(', ')}. Name it with --region`,
    )
  return { accountId, region }
}

export interface RebuildFacts {
  readonly config: Config
  readonly serverKey: ServerKey
  readonly kit: RecoveryKit
  readonly home: Home
  readonly identity: IdentityFacts
  readonly colds: ColdStores
}

/** All rows in one transaction: a rebuild that is interrupted is begun again, and finds the vaults as its own. */
export async function makeRows(
  store: Store,
  { config, serverKey, kit, home, identity, colds }: RebuildFacts,
  taken: readonly { readonly vault: TakenVault; readonly place: VaultPlace }[],
): Promise<{
  readonly rebuilt: Rebuilt
  readonly rootKey: ReturnType<typeof newRootKey>
  readonly imported: ImportedIdentity | undefined
}> {
  const now = Date.now()
  const rootKey = newRootKey(config)
  openAuditChain(store, {
    mac: (text) => serverKey.fingerprint('audit', text),
    accountId: home.accountId,
    writer: `vault rebuild, process ${process.pid}`,
    now: () => Date.now(),
  })
  await record(store, home.accountId, taken.length, now)
  const { rebuilt, imported } = await store.transaction(async (tx) => {
    const rebuilt: Rebuilt = {
      vaults: 0,
      points: 0,
      holds: 0,
      problems: [],
      problemCount: 0,
      identityNumber: 0,
      ownKeyOnly: [],
      underKeys: [],
    }
    await insertServer(tx, {
      server_id: uuid(),
      created_at: now,
      management_account_id: home.accountId,
      region: home.region,
      recovery_kit_public_key: kit.publicKey,
      epoch: (identity.found?.manifest.epoch ?? 1) + 1,
    })
    for (const accountId of new Set([home.accountId, ...taken.map(({ place }) => place.account_id)])) {
      const name = accountId === home.accountId ? 'management' : `account ${accountId}`
      await insertAccount(tx, { account_id: accountId, name, created_at: now, root_last_used_at: null })
    }
    await insertRootKey(tx, serverKey, home.accountId, rootKey, now)
    await configureStorage(config, tx, serverKey)
    await colds.configure(tx, serverKey, now)
    for (const { vault, place } of named(taken)) await rebuildVault(tx, vault, place, { now, rebuilt })
    const imported = await bringIdentityBack(tx, identity, {
      serverKey,
      kitPublicKey: kit.publicKey,
      region: home.region,
      newest: rebuilt.identityNumber,
      now,
      rootKeyId: rootKey.accessKeyId,
    })
    return { rebuilt, imported }
  })
  return { rebuilt, rootKey, imported }
}

/** Two vaults that say the same name, and one that says none, get one of their own. */
function named(
  taken: readonly { readonly vault: TakenVault; readonly place: VaultPlace }[],
): readonly { readonly vault: TakenVault; readonly place: VaultPlace }[] {
  const names = new Set<string>()
  return taken.map(({ vault, place }) => {
    const wanted = place.name === '' ? `rebuilt-${vault.vault.id.slice(0, 8)}` : place.name
    const key = (name: string): string => `${place.account_id} ${place.region} ${name}`
    const name = names.has(key(wanted)) ? `${wanted.slice(0, 40)}-${vault.vault.id.slice(0, 8)}` : wanted
    names.add(key(name))
    return { vault, place: { ...place, name } }
  })
}

async function record(store: Store, accountId: string, vaults: number, now: number): Promise<void> {
  await appendAudit(store, {
    at: now,
    account_id: accountId,
    request_id: uuid(),
    principal_arn: rootArn(accountId),
    principal_id: accountId,
    source_ip: null,
    service: 'roleback',
    action: 'roleback:RebuildServer',
    resource: '*',
    effect: 'Allow',
    layer: 'local',
    reason: `by local access to the data directory and the recovery kit (process ${process.pid}, user id ${process.getuid?.() ?? 'unknown'}): ${vaults} vaults`,
    policy: null,
    statement: null,
  })
}
