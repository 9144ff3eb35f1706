import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { profileText } from '../aws-profile.ts'
import { join } from 'node:path'
import type { Config } from '../../config.ts'
import { encryptionKeyIdIn } from '../../keyring/encryption-keys.ts'
import { makeRecoveryKit, newPassphrase } from '../../keyring/recovery-kit.ts'
import { inWords, serverKeyFrom } from '../../keyring/key-source.ts'
import { loadServerKey, SealError } from '../../keyring/server-key.ts'
import type { SealPurpose, ServerKey } from '../../keyring/server-key.ts'
import { iamId, randomAccountId, secretAccessKey, uuid } from '../../lib/ids.ts'
import { findServer, insertAccount, insertServer } from '../../store/identity/accounts.ts'
import { findAccessKey, insertAccessKey } from '../../store/identity/identities.ts'
import type { ServerTable } from '../../store/schema.ts'
import type { Queryable, Store } from '../../store/store.ts'

/** What the first start made and hands over once. Secrets are in files of mode 0600; a terminal may show them, too. */
export interface FirstStart {
  readonly credentialsFile: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly kitFile: string
  readonly passphraseFile: string
}

export class FirstStartError extends Error {
  override name = 'FirstStartError'
}

/** `kitCost` is scrypt's N of the recovery kit: tests that prove nothing of kits take less than the default. */
export interface FirstStartOptions {
  readonly kitCost?: number
}

/** The recovery kit lies beside the data directory, never in it: what opens the vaults must not be lost with them. */
export function kitDirectory(dataDir: string): string {
  return `${dataDir}-recovery`
}

export function credentialsFile(dataDir: string): string {
  return join(dataDir, 'root-credentials')
}

export function serverKeyFile(dataDir: string): string {
  return join(dataDir, 'server.key')
}

/** Where the vaults' directories lie. */
export function vaultsDirectory(dataDir: string): string {
  return join(dataDir, 'vaults')
}

/**
 * Opens the server's key, and makes it where it lies in the data directory and nothing was ever sealed under one.
 *
 * @throws {FirstStartError} Where the database is there and its key is not: another key would open nothing in it; and where the
 * key comes from elsewhere and a readable one lies in the data directory still.
 * @throws {KeySourceError} Where it comes from elsewhere, and cannot be had from there.
 */
export async function serverKeyOf(
  { dataDir, serverKey: source }: Pick<Config, 'dataDir' | 'serverKey'>,
  store: Store,
): Promise<ServerKey> {
  const file = serverKeyFile(dataDir)
  if (source !== undefined && !(source.kind === 'file' && source.file === file)) {
    if (existsSync(file)) {
      throw new FirstStartError(
        `Cannot start: the server key is to come from ${inWords(source)}, but "${file}" is still there for whoever copies the data ` +
          'directory. Move it to a safe place first (if it is the same key), or leave --server-key and ROLEBACK_SERVER_KEY away',
      )
    }
    return await serverKeyFrom(source)
  }
  if (!existsSync(file) && (await findServer(store.db)) !== undefined) {
    throw new FirstStartError(
      `Cannot start: "${file}" is missing, and without it nothing in the database can be opened: access keys, passwords of ` +
        'connections, keys of vaults. Bring it back from your copy of the data directory (mode 0400). If there is none, move the ' +
        'database away and bring the recovery points back with "roleback vault rebuild" and the recovery kit; nothing was changed',
    )
  }
  return loadServerKey(file)
}

/**
 * Makes the server's identity, the first account, its root key and the recovery kit, where the database has none yet.
 *
 * @throws {FirstStartError} Where the database belongs to another server key.
 */
export async function prepareServer(
  config: Config,
  store: Store,
  serverKey: ServerKey,
  options: FirstStartOptions = {},
): Promise<{ readonly server: ServerTable; readonly first: FirstStart | undefined }> {
  const existing = await findServer(store.db)
  if (existing !== undefined) {
    await checkServerKey(store, serverKey)
    return { server: existing, first: undefined }
  }
  return await firstStart(config, store, serverKey, options)
}

/** What was sealed opens only with the key it was sealed under. */
async function checkServerKey(store: Store, serverKey: ServerKey): Promise<void> {
  const sealed = await anySealed(store)
  if (sealed === undefined) return
  try {
    serverKey.open(sealed.purpose, sealed.owner, sealed.text)
  } catch (cause) {
    if (!(cause instanceof SealError)) throw cause
    throw new FirstStartError(
      'Cannot start: the server key is not the one this database was made with. ' +
        'Put the right server.key into the data directory (it is 0400, base64) or say --server-key as before, or start with the data directory that belongs to the database',
      { cause },
    )
  }
}

interface Sealed {
  readonly purpose: SealPurpose
  readonly owner: string
  readonly text: string
}

/** The secret of an access key; where people sign in with passwords alone and nobody has one, the keys of a vault. */
async function anySealed({ db }: Store): Promise<Sealed | undefined> {
  const key = await db
    .selectFrom('iam_access_key')
    .select(['access_key_id', 'secret'])
    .limit(1)
    .executeTakeFirst()
  if (key !== undefined) return { purpose: 'access-key', owner: key.access_key_id, text: key.secret }
  const vaults = await db
    .selectFrom('vault')
    .select(['vault_id', 'wrapped_key'])
    .where('wrapped_key', 'is not', null)
    .execute()
  for (const { vault_id: owner, wrapped_key: text } of vaults)
    // Those of encryption keys take more than the server's to open.
    if (text !== null && encryptionKeyIdIn(text) === undefined) return { purpose: 'vault-key', owner, text }
  return undefined
}

/**
 * Before anything is made, not even a key.
 * @throws {FirstStartError} Where there is no database, and vaults of an earlier server lie in the storage.
 */
export async function refuseForeignVaults(config: Config, store: Store): Promise<void> {
  const folders = [vaultsDirectory(config.dataDir), ...config.regionRoots.values()]
  const folder = folders.find((one) => existsSync(one) && readdirSync(one).length > 0)
  if (config.isNew || folder === undefined) return
  if ((await findServer(store.db)) !== undefined) return
  throw new FirstStartError(
    `Cannot start fresh: there is no database, but ${folder} holds vaults of an earlier server. ` +
      `Bring its database and server.key back, bring its recovery points back with "roleback vault rebuild ${folder} --kit FILE" ` +
      'and the recovery kit, or say --new to begin anew and leave those vaults alone',
  )
}

async function firstStart(
  config: Config,
  store: Store,
  serverKey: ServerKey,
  { kitCost }: FirstStartOptions,
): Promise<{ readonly server: ServerTable; readonly first: FirstStart }> {
  const now = Date.now()
  const accountId = config.accountId ?? randomAccountId()
  const rootKey = newRootKey(config)
  const passphrase = newPassphrase()
  const kit = makeRecoveryKit(passphrase, { ...(kitCost !== undefined && { cost: kitCost }) })
  const files = writeKit(config, kit.withSigners([serverKey.identitySigner]), passphrase)
  const server = await store.transaction(async (tx) => {
    const row = await insertServer(tx, {
      server_id: uuid(),
      created_at: now,
      management_account_id: accountId,
      region: config.region,
      recovery_kit_public_key: kit.publicKey,
      epoch: 1,
    })
    await insertAccount(tx, {
      account_id: accountId,
      name: 'management',
      created_at: now,
      root_last_used_at: null,
    })
    await insertRootKey(tx, serverKey, accountId, rootKey, now)
    return row
  })
  const file = writeRootKey(config.dataDir, rootKey, server.region)
  return { server, first: { credentialsFile: file, ...rootKey, ...files } }
}

export type RootKey = Pick<FirstStart, 'accessKeyId' | 'secretAccessKey'>

export function newRootKey(config: Config): RootKey {
  return config.rootKey ?? { accessKeyId: iamId('AKIA'), secretAccessKey: secretAccessKey() }
}

export async function insertRootKey(
  tx: Queryable,
  serverKey: ServerKey,
  accountId: string,
  rootKey: RootKey,
  now: number,
): Promise<void> {
  if ((await findAccessKey(tx, rootKey.accessKeyId)) !== undefined) return
  await insertAccessKey(tx, {
    access_key_id: rootKey.accessKeyId,
    account_id: accountId,
    user_id: null,
    secret: serverKey.seal('access-key', rootKey.accessKeyId, Buffer.from(rootKey.secretAccessKey)),
    status: 'Active',
    created_at: now,
  })
}

/** Into a file of mode 0600, as AWS clients read it. */
export function writeRootKey(dataDir: string, rootKey: RootKey, region: string): string {
  const file = credentialsFile(dataDir)
  writeFileSync(file, profileText('roleback', rootKey, region), { mode: 0o600, flush: true })
  return file
}

function writeKit(
  config: Config,
  kitText: string,
  passphrase: string,
): Pick<FirstStart, 'kitFile' | 'passphraseFile'> {
  const folder = kitDirectory(config.dataDir)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const kitFile = join(folder, 'recovery-kit.txt')
  const passphraseFile = join(folder, 'recovery-passphrase.txt')
  // Never over the kit of an earlier server: it may be all that opens its vaults.
  for (const file of [kitFile, passphraseFile]) {
    if (existsSync(file))
      throw new FirstStartError(
        `Cannot start: ${file} of an earlier server is still there. Move it to a safe place first`,
      )
  }
  writeFileSync(kitFile, kitText, { mode: 0o600, flush: true })
  writeFileSync(passphraseFile, `${passphrase}\n`, { mode: 0o600, flush: true })
  return { kitFile, passphraseFile }
}
