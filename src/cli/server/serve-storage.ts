import { readFileSync } from 'node:fs'
import type { BlobStore } from '../../blobs/blob-store.ts'
import { StorageHost } from '../../blobs/storage-host.ts'
import { ConfigError } from '../../config.ts'
import type { Config } from '../../config.ts'
import type { ServerKey } from '../../keyring/server-key.ts'
import { findServer } from '../../store/identity/accounts.ts'
import type { StorageTable } from '../../store/vaults/schema-storages.ts'
import {
  countVaultsIn,
  findStorage,
  putStorage,
  storageSecretOwner,
  storageSettings,
} from '../../store/vaults/storages.ts'
import type { StorageSettings } from '../../store/vaults/storages.ts'
import type { Queryable, Store } from '../../store/store.ts'
import { FirstStartError } from './first-start.ts'

/** The storage that `serve --storage` names, as a row like those that PutStorage makes: read anew at every start. */
export const SERVE_STORAGE = 'serve'

/**
 * Before the first start makes anything: a storage that holds vaults is an earlier server's (R12).
 * @throws {FirstStartError} Unless `--new` says that it may be.
 */
export async function refuseForeignStorage(config: Config, store: Store): Promise<void> {
  if (config.storage === undefined || config.isNew || (await findServer(store.db)) !== undefined) return
  const { settings, credentialsFile } = config.storage
  const host = new StorageHost()
  const blobs = host.open({ ...settings, ...readCredentials(credentialsFile) })
  try {
    if (!(await holdsVaults(blobs))) return
  } finally {
    blobs.close()
    await host.close()
  }
  throw new FirstStartError(
    `Cannot start fresh: there is no database, but s3://${settings.bucket}/${settings.prefix} holds vaults of an earlier server. ` +
      `Bring its database and server.key back, bring its recovery points back with "roleback vault rebuild s3://${settings.bucket}/${settings.prefix} --kit FILE" ` +
      'and the recovery kit, or say --new to begin anew and leave those vaults alone',
  )
}

/** @throws {ConfigError} Where vaults lie where the storage was before. */
export async function configureStorage(
  config: Pick<Config, 'storage'>,
  db: Queryable,
  serverKey: ServerKey,
): Promise<void> {
  if (config.storage === undefined) return
  const { accessKeyId, secretAccessKey } = readCredentials(config.storage.credentialsFile)
  const settings = { ...config.storage.settings, accessKeyId }
  const before = await findStorage(db, SERVE_STORAGE)
  if (before !== undefined) await checkMove(db, before, settings)
  const version = (before?.version ?? 0) + 1
  const owner = storageSecretOwner({ name: SERVE_STORAGE, version })
  await putStorage(db, {
    name: SERVE_STORAGE,
    settings: JSON.stringify(settings),
    secret: serverKey.seal('storage', owner, Buffer.from(secretAccessKey)),
    version,
    for_new_vaults: 1,
    account_id: null,
    region: null,
    created_at: before?.created_at ?? Date.now(),
    created_by: before?.created_by ?? 'serve --storage',
  })
}

async function checkMove(db: Queryable, before: StorageTable, settings: StorageSettings): Promise<void> {
  const old = storageSettings(before)
  const isSame = old.endpoint === settings.endpoint && old.bucket === settings.bucket
  if (isSame && old.prefix === settings.prefix) return
  const vaults = await countVaultsIn(db, SERVE_STORAGE)
  if (vaults === 0) return
  throw new ConfigError(
    `--storage cannot be pointed from ${old.endpoint} s3://${old.bucket}/${old.prefix} to ${settings.endpoint} ` +
      `s3://${settings.bucket}/${settings.prefix}: ${vaults} vaults lie there. Start as before, and add the other with "storage put --new-vaults"`,
  )
}

async function holdsVaults(blobs: BlobStore): Promise<boolean> {
  for await (const page of blobs.list(''))
    if (page.some(({ name }) => /(^|\/)vault\.json$/.test(name))) return true
  return false
}

/** As AWS's own clients keep them: `aws_access_key_id = …` and `aws_secret_access_key = …`, each on a line. */
export function readCredentials(file: string): {
  readonly accessKeyId: string
  readonly secretAccessKey: string
} {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error'
    throw new ConfigError(`Cannot read --storage-credentials-file "${file}" (${code})`, { cause })
  }
  const valueOf = (key: string): string => {
    const value = new RegExp(`^\\s*${key}\\s*=\\s*(\\S+)\\s*$`, 'm').exec(text)?.[1]
    if (value === undefined)
      throw new ConfigError(`--storage-credentials-file "${file}" has no line "${key} = …"`)
    return value
  }
  return { accessKeyId: valueOf('aws_access_key_id'), secretAccessKey: valueOf('aws_secret_access_key') }
}
