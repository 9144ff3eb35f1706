import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadConfig, storeConfigOf } from '../../config.ts'
import type { Config } from '../../config.ts'
import { placeOf } from '../../jobs/rebuild/rebuild.ts'
import type { Rebuilt } from '../../jobs/rebuild/rebuild.ts'
import type { VaultPlace } from '../../jobs/rebuild/rebuild-points.ts'
import { openFoundVault, RebuildError, takeOverVault } from '../../jobs/rebuild/rebuild-vault.ts'
import type { FoundVault, NamedKey, TakenVault } from '../../jobs/rebuild/rebuild-vault.ts'
import { isSystemVault } from '../../jobs/identity/system-vault.ts'
import { EncryptionKeyError, EncryptionKeys } from '../../keyring/encryption-keys.ts'
import { makeRecoveryKit, newPassphrase, openKit } from '../../keyring/recovery-kit.ts'
import type { OpenedKit, RecoveryKit } from '../../keyring/recovery-kit.ts'
import { findServer } from '../../store/identity/accounts.ts'
import type { Store } from '../../store/store.ts'
import { openStore } from '../../store/store.ts'
import type { Vault } from '../../vault/vault.ts'
import { takeDataDir } from '../server/data-dir.ts'
import { kitDirectory, serverKeyOf, writeRootKey } from '../server/first-start.ts'
import { factsOf, note, say, sayJson } from '../output.ts'
import { chooseIdentity, linesOfImport } from './rebuild-identity.ts'
import type { WithIdentity } from './rebuild-identity.ts'
import { ColdStores } from './rebuild-cold.ts'
import type { ColdOptions } from './rebuild-cold.ts'
import { openPlaces } from './rebuild-places.ts'
import { homeOf, makeRows } from './rebuild-rows.ts'
import type { Home, RebuildFacts } from './rebuild-rows.ts'
import { readSecret } from '../secret-input.ts'

export interface RebuildOptions extends ColdOptions {
  readonly kit: string
  readonly passphraseFile?: string
  readonly dataDir?: string
  readonly databaseUrlFile?: string
  readonly serverKey?: string
  readonly encryptionKey?: readonly string[]
  readonly accountId?: string
  readonly region?: string
  readonly withIdentity?: string | true
  readonly json?: boolean
}

/** @throws {RebuildError} Where the data directory has a server, or the vaults are not to be opened; nothing was written then. */
export async function rebuildServer(storage: string, options: RebuildOptions): Promise<void> {
  const { withIdentity: _, ...given } = options
  const isBucket = storage.startsWith('s3://')
  const config = loadConfig({ ...given, ...(isBucket && { storage }) }, process.env)
  const kit = await kitOf(options)
  const dataDir = takeDataDir(config.dataDir)
  try {
    const store = await openStore(storeConfigOf(config))
    try {
      await rebuildInto(store, {
        config,
        region: options.region,
        storage,
        options,
        kit,
        withIdentity: options.withIdentity,
        isJson: options.json === true,
      })
    } finally {
      await store.close()
    }
  } finally {
    dataDir.release()
  }
}

/** The passphrase is never an argument: those are readable for everybody on the machine. */
async function kitOf({ kit, passphraseFile }: RebuildOptions): Promise<OpenedKit> {
  const text = readFileSync(kit, 'utf8')
  return openKit(text, await readSecret(passphraseFile, "the recovery kit's passphrase", '--passphrase-file'))
}

interface Rebuild {
  readonly config: Config
  readonly region: string | undefined
  readonly storage: string
  readonly options: ColdOptions
  readonly kit: OpenedKit
  readonly withIdentity: WithIdentity
  readonly isJson: boolean
}

async function rebuildInto(store: Store, asked: Rebuild): Promise<void> {
  const { region, storage, kit, isJson } = asked
  const server = await findServer(store.db)
  if (server !== undefined) {
    throw new RebuildError(
      `Cannot rebuild into "${asked.config.dataDir}": it belongs to a server already (account ${server.management_account_id}). ` +
        'Give an empty --data-dir, and an empty database',
    )
  }
  const serverKey = await serverKeyOf(asked.config, store)
  const encryptionKeys = await keysAtHand(asked.config)
  await using places = await openPlaces(asked.config, storage)
  const { config } = places
  await using colds = new ColdStores(asked.options, places.cold)
  const vaults: Vault[] = []
  const found: FoundVault[] = []
  for (const one of places.found) {
    const vault = await openFoundVault(one, { kit, serverKey, encryptionKeys })
    vaults.push(vault)
    found.push({ ...one, cold: await colds.of(one, vault) })
  }
  const identity = await chooseIdentity(vaults, kit, asked.withIdentity)
  const signers = kit.identitySigners.filter((one) => one !== serverKey.identitySigner)
  const newKit = writeNewKit(config, [serverKey.identitySigner, ...signers])
  const taken: { readonly vault: TakenVault; readonly place: VaultPlace }[] = []
  const system: TakenVault[] = []
  for (const one of found) {
    const vault = await takeOverVault(one, {
      kit,
      serverKey,
      encryptionKeys,
      kitPublicKey: newKit.kit.publicKey,
    })
    const place = await placeOf(vault)
    if (place !== undefined) taken.push({ vault, place })
    else if (await isSystemVault(vault.vault)) system.push(vault)
    else note(`${one.place} says of no account that it belongs to it: left alone`)
  }
  const home = homeOf(
    taken.map(({ place }) => place),
    identity.isWanted
      ? {
          accountId: config.accountId ?? identity.found?.server.management_account_id,
          region: region ?? identity.found?.server.region,
        }
      : { accountId: config.accountId, region },
  )
  const facts: RebuildFacts = {
    config,
    serverKey,
    kit: newKit.kit,
    home,
    identity: { ...identity, system, signers },
    colds,
  }
  const { rebuilt, rootKey, imported } = await makeRows(store, facts, taken)
  const credentials = writeRootKey(config.dataDir, rootKey, home.region)
  const files = {
    credentialsFile: credentials,
    kitFile: newKit.kitFile,
    passphraseFile: newKit.passphraseFile,
  }
  if (isJson) {
    const identityOf = imported && {
      identity: {
        number: identity.found?.manifest.number,
        ...imported,
        rows: Object.fromEntries(imported.rows),
      },
    }
    sayJson({ accountId: home.accountId, region: home.region, ...rebuilt, ...identityOf, ...files })
    return
  }
  if (imported !== undefined) for (const line of linesOfImport(imported)) say(line)
  for (const line of linesOf(home, rebuilt, files)) say(line)
}

/** @throws {RebuildError} Where one cannot be had: the vaults under it would come back without it. */
async function keysAtHand({ encryptionKeys }: Config): Promise<readonly NamedKey[]> {
  const keys = new EncryptionKeys(encryptionKeys, Date.now)
  return await Promise.all(
    [...encryptionKeys.keys()].map(async (name) => {
      try {
        return { ...(await keys.load(name)), name }
      } catch (cause) {
        if (!(cause instanceof EncryptionKeyError)) throw cause
        throw new RebuildError(`Cannot rebuild, and nothing was changed. ${cause.reason}`, { cause })
      }
    }),
  )
}

/** The kit that was used opens what was written until now; what comes is for a new one. Neither is ever written over. */
function writeNewKit(
  config: Config,
  signers: readonly string[],
): {
  readonly kit: RecoveryKit
  readonly kitFile: string
  readonly passphraseFile: string
} {
  const passphrase = newPassphrase()
  const kit = makeRecoveryKit(passphrase)
  const folder = kitDirectory(config.dataDir)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const kitFile = join(folder, `recovery-kit-${kit.kitId}.txt`)
  const passphraseFile = join(folder, `recovery-passphrase-${kit.kitId}.txt`)
  writeFileSync(kitFile, kit.withSigners(signers), { mode: 0o600, flag: 'wx', flush: true })
  writeFileSync(passphraseFile, `${passphrase}\n`, { mode: 0o600, flag: 'wx', flush: true })
  return { kit, kitFile, passphraseFile }
}

function linesOf(
  home: Home,
  rebuilt: Rebuilt,
  files: { readonly credentialsFile: string; readonly kitFile: string; readonly passphraseFile: string },
): readonly string[] {
  const more = rebuilt.problemCount - rebuilt.problems.length
  return [
    factsOf({
      account: home.accountId,
      region: home.region,
      vaults: rebuilt.vaults,
      'recovery points': rebuilt.points,
      'legal holds': rebuilt.holds,
      'not brought back': rebuilt.problemCount,
    }),
    ...rebuilt.problems,
    ...rebuilt.ownKeyOnly.map(
      ({ vault, keyArn }) =>
        `vault ${vault} was under encryption key ${keyArn}, which was not given (--encryption-key): it is under this server's own key alone now. Copy its recovery points into a vault that is made under a key`,
    ),
    ...rebuilt.underKeys.map(
      ({ vault, keyArn, name }) =>
        `vault ${vault} is under encryption key ${keyArn} as before: start the server with --encryption-key ${name}=SOURCE`,
    ),
    ...(more > 0 ? [`and ${more} more`] : []),
    `root credentials: ${files.credentialsFile} (profile roleback)`,
    `new recovery kit: ${files.kitFile}`,
    `its passphrase: ${files.passphraseFile}`,
    'The kit that you used opens what was written until now; the new one opens everything. Keep both, and move the new kit',
    'and its passphrase off this machine, to two different places. The lost server, should it come back, is shut out of',
    'these vaults. Start this one with roleback serve.',
  ]
}
