import { profileText } from '../aws-profile.ts'
import { writeFileSync } from 'node:fs'
import { rootArn } from '../../access/identity-arns.ts'
import type { Config } from '../../config.ts'
import { loadConfig, storeConfigOf } from '../../config.ts'
import { iamId, secretAccessKey, uuid } from '../../lib/ids.ts'
import { findAccount, findServer } from '../../store/identity/accounts.ts'
import { appendAudit } from '../../store/audit/audit.ts'
import { openAuditChain } from '../../store/audit/audit-chain.ts'
import { insertAccessKey } from '../../store/identity/identities.ts'
import type { Store } from '../../store/store.ts'
import { openStore } from '../../store/store.ts'
import { takeDataDir } from './data-dir.ts'
import { credentialsFile, FirstStartError, serverKeyOf } from './first-start.ts'
import { say } from '../output.ts'

export interface RootKeyOptions {
  readonly account?: string
  readonly dataDir?: string
  readonly databaseUrlFile?: string
  readonly serverKey?: string
}

/**
 * Whoever may read the data directory may make one: it is the way back for an operator who lost all credentials, and no request
 * can do it. It is recorded.
 */
export async function makeRootKey(options: RootKeyOptions): Promise<void> {
  const config = loadConfig(options, process.env)
  const dataDir = takeDataDir(config.dataDir)
  try {
    const store = await openStore(storeConfigOf(config))
    try {
      const { file, profile } = await addKey(store, config, options.account)
      say(`root credentials: ${file} (profile ${profile})`)
    } finally {
      await store.close()
    }
  } finally {
    dataDir.release()
  }
}

async function addKey(
  store: Store,
  config: Pick<Config, 'dataDir' | 'serverKey'>,
  account: string | undefined,
): Promise<{ readonly file: string; readonly profile: string }> {
  const { dataDir } = config
  const server = await findServer(store.db)
  if (server === undefined) {
    throw new FirstStartError(
      `Cannot make a root key: no server was ever started on "${dataDir}". Start it with roleback serve`,
    )
  }
  const serverKey = await serverKeyOf(config, store)
  const accountId = account ?? server.management_account_id
  if ((await findAccount(store.db, accountId)) === undefined) {
    throw new FirstStartError(
      `Cannot make a root key: there is no account ${accountId} on this server. "roleback account list" names them`,
    )
  }
  const key = { accessKeyId: iamId('AKIA'), secret: secretAccessKey() }
  const now = Date.now()
  openAuditChain(store, {
    mac: (text) => serverKey.fingerprint('audit', text),
    accountId: server.management_account_id,
    writer: `root-key, process ${process.pid}`,
    now: () => Date.now(),
  })
  await appendAudit(store, {
    at: now,
    account_id: accountId,
    request_id: uuid(),
    principal_arn: rootArn(accountId),
    principal_id: accountId,
    source_ip: null,
    service: 'iam',
    action: 'iam:CreateAccessKey',
    resource: rootArn(accountId),
    effect: 'Allow',
    layer: 'local',
    reason: `by local access to the data directory (process ${process.pid}, user id ${process.getuid?.() ?? 'unknown'}), key ${key.accessKeyId}`,
    policy: null,
    statement: null,
  })
  await insertAccessKey(store.db, {
    access_key_id: key.accessKeyId,
    account_id: accountId,
    user_id: null,
    secret: serverKey.seal('access-key', key.accessKeyId, Buffer.from(key.secret)),
    status: 'Active',
    created_at: now,
  })
  const isManagement = accountId === server.management_account_id
  const file = isManagement ? credentialsFile(dataDir) : `${credentialsFile(dataDir)}-${accountId}`
  const profile = isManagement ? 'roleback' : `roleback-${accountId}`
  const made = { accessKeyId: key.accessKeyId, secretAccessKey: key.secret }
  writeFileSync(file, profileText(profile, made, server.region), { mode: 0o600, flush: true })
  return { file, profile }
}
