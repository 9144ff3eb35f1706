import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { rootArn } from '../access/identity-arns.ts'
import { loadConfig, storeConfigOf } from '../config.ts'
import type { Config } from '../config.ts'
import { placeOf, rebuildVault } from '../jobs/rebuild.ts'
import type { Rebuilt } from '../jobs/rebuild.ts'
import type { VaultPlace } from '../jobs/rebuild-points.ts'
import { findVaultStores, RebuildError, takeOverVault } from '../jobs/rebuild-vault.ts'
import type { TakenVault } from '../jobs/rebuild-vault.ts'
import { makeRecoveryKit, newPassphrase, openKit } from '../keyring/recovery-kit.ts'
import type { OpenedKit, RecoveryKit } from '../keyring/recovery-kit.ts'
import type { ServerKey } from '../keyring/server-key.ts'
import { uuid } from '../lib/ids.ts'
import { findServer, insertAccount, insertServer } from '../store/accounts.ts'
import { appendAudit } from '../store/audit.ts'
import { openAuditChain } from '../store/audit-chain.ts'
import type { Store } from '../store/store.ts'
import { openStore } from '../store/store.ts'
import { takeDataDir } from './data-dir.ts'
import {
  insertRootKey,
  kitDirectory,
  newRootKey,
  serverKeyOf,
  vaultsDirectory,
  writeRootKey,
} from './first-start.ts'
import { factsOf, note, say, sayJson } from './output.ts'
import { readSecret } from './secret-input.ts'

interface RebuildOptions {
  readonly kit: string
  readonly passphraseFile?: string
  readonly dataDir?: string
  readonly databaseUrlFile?: string
  readonly accountId?: string
  readonly region?: string
  readonly json?: boolean
}

export function addVaultRebuild(vault: Command): void {
  vault
    .command('rebuild <storage>')
    .description(
      'bring a lost server back from its vaults: every recovery point with retention, lock, holds and tags, into an empty data directory',
    )
    .requiredOption('--kit <file>', 'the recovery kit')
    .option('--passphrase-file <file>', 'its passphrase, - for standard input; asked for where absent')
    .option(
      '--data-dir <dir>',
      'empty data directory of the new server (default: $ROLEBACK_DATA_DIR or ./roleback-data)',
    )
    .option('--database-url-file <file>', 'as given to serve')
    .option('--account-id <id>', 'the management account, where the vaults are of several accounts')
    .option('--region <region>', 'region of the new server (default: that of the vaults)')
    .option('--json', 'print the result as JSON')
    .action(rebuild)
}

async function rebuild(storage: string, options: RebuildOptions): Promise<void> {
  const { region, ...given } = options
  const config = loadConfig(region === undefined ? given : { ...given, region }, process.env)
  const kit = await kitOf(options)
  const dataDir = takeDataDir(config.dataDir)
  try {
    const store = await openStore(storeConfigOf(config))
    try {
      await rebuildInto(store, {
        config,
        region,
        storage: realOf(storage),
        kit,
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

function realOf(path: string): string {
  const full = resolve(path)
  return existsSync(full) ? realpathSync(full) : full
}

interface Rebuild {
  readonly config: Config
  readonly region: string | undefined
  readonly storage: string
  readonly kit: OpenedKit
  readonly isJson: boolean
}

async function rebuildInto(store: Store, { config, region, storage, kit, isJson }: Rebuild): Promise<void> {
  const server = await findServer(store.db)
  if (server !== undefined) {
    throw new RebuildError(
      `Cannot rebuild into "${config.dataDir}": it belongs to a server already (account ${server.management_account_id}). ` +
        'Give an empty --data-dir, and an empty database',
    )
  }
  const serverKey = await serverKeyOf(config.dataDir, store)
  const newKit = writeNewKit(config)
  const taken: { readonly vault: TakenVault; readonly place: VaultPlace }[] = []
  for (const found of findVaultStores(storage, realOf(vaultsDirectory(config.dataDir)))) {
    const vault = await takeOverVault(found, { kit, serverKey, kitPublicKey: newKit.kit.publicKey })
    const place = await placeOf(vault)
    if (place === undefined) note(`${found.place} says of no account that it belongs to it: left alone`)
    else taken.push({ vault, place })
  }
  const home = homeOf(
    taken.map(({ place }) => place),
    { accountId: config.accountId, region },
  )
  const facts = { config, serverKey, kit: newKit.kit, home }
  const { rebuilt, rootKey } = await makeRows(store, facts, taken)
  const credentials = writeRootKey(config.dataDir, rootKey)
  for (const { vault } of taken) vault.found.store.close()
  const files = {
    credentialsFile: credentials,
    kitFile: newKit.kitFile,
    passphraseFile: newKit.passphraseFile,
  }
  if (isJson) sayJson({ accountId: home.accountId, region: home.region, ...rebuilt, ...files })
  else for (const line of linesOf(home, rebuilt, files)) say(line)
}

interface Home {
  readonly accountId: string
  readonly region: string
}

/** Which account is the management account is the operator's to say: what heads say are names, not rights. */
function homeOf(
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

interface Facts {
  readonly config: Config
  readonly serverKey: ServerKey
  readonly kit: RecoveryKit
  readonly home: Home
}

/** All rows in one transaction: a rebuild that is interrupted is begun again, and finds the vaults as its own. */
async function makeRows(
  store: Store,
  { config, serverKey, kit, home }: Facts,
  taken: readonly { readonly vault: TakenVault; readonly place: VaultPlace }[],
): Promise<{ readonly rebuilt: Rebuilt; readonly rootKey: ReturnType<typeof newRootKey> }> {
  const now = Date.now()
  const rootKey = newRootKey(config)
  openAuditChain(store, {
    mac: (text) => serverKey.fingerprint('audit', text),
    accountId: home.accountId,
    writer: `vault rebuild, process ${process.pid}`,
    now: () => Date.now(),
  })
  await record(store, home.accountId, taken.length, now)
  const rebuilt = await store.transaction(async (tx) => {
    const rebuilt: Rebuilt = { vaults: 0, points: 0, holds: 0, problems: [], problemCount: 0 }
    await insertServer(tx, {
      server_id: uuid(),
      created_at: now,
      management_account_id: home.accountId,
      region: home.region,
      recovery_kit_public_key: kit.publicKey,
      epoch: 2,
    })
    for (const accountId of new Set([home.accountId, ...taken.map(({ place }) => place.account_id)])) {
      const name = accountId === home.accountId ? 'management' : `account ${accountId}`
      await insertAccount(tx, { account_id: accountId, name, created_at: now, root_last_used_at: null })
    }
    await insertRootKey(tx, serverKey, home.accountId, rootKey, now)
    for (const { vault, place } of named(taken)) await rebuildVault(tx, vault, place, { now, rebuilt })
    return rebuilt
  })
  return { rebuilt, rootKey }
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

/** The kit that was used opens what was written until now; what comes is for a new one. Neither is ever written over. */
function writeNewKit(config: Config): {
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
  writeFileSync(kitFile, kit.kitText, { mode: 0o600, flag: 'wx', flush: true })
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
    ...(more > 0 ? [`and ${more} more`] : []),
    `root credentials: ${files.credentialsFile} (profile roleback)`,
    `new recovery kit: ${files.kitFile}`,
    `its passphrase: ${files.passphraseFile}`,
    'The kit that you used opens what was written until now; the new one opens everything. Keep both, and move the new kit',
    'and its passphrase off this machine, to two different places. The lost server, should it come back, is shut out of',
    'these vaults. Start this one with roleback serve.',
  ]
}
