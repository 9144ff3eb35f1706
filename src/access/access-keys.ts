import type { ServerKey } from '../keyring/server-key.ts'
import { iamId, secretAccessKey } from '../lib/ids.ts'
import { insertAccessKey, listAccessKeys } from '../store/identity/identities.ts'
import type { AccessKeyTable } from '../store/schema.ts'
import type { Queryable } from '../store/store.ts'
import type { KeyLimits } from './principal.ts'

/** How many long-term keys a user may have at a time, expired and inactive ones counted. */
export const MAX_ACCESS_KEYS = 2

/** A new key; the secret is in no other answer ever after. */
export interface IssuedKey {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/**
 * Makes a long-term key of a user, at rest sealed and bound to its id. Give it a transaction: it counts before it writes.
 *
 * @returns Undefined where the user has as many as he may.
 */
export async function issueAccessKey(
  tx: Queryable,
  serverKey: ServerKey,
  key: {
    readonly accountId: string
    readonly userId: string
    readonly now: number
    readonly limits?: Omit<KeyLimits, 'accessKeyId'>
  },
): Promise<IssuedKey | undefined> {
  const { accountId, userId, now, limits } = key
  const present = await listAccessKeys(tx, { accountId, userId }, { limit: MAX_ACCESS_KEYS })
  if (present.rows.length >= MAX_ACCESS_KEYS) return undefined
  const issued = { accessKeyId: iamId('AKIA'), secretAccessKey: secretAccessKey() }
  await insertAccessKey(tx, {
    access_key_id: issued.accessKeyId,
    account_id: accountId,
    user_id: userId,
    secret: serverKey.seal('access-key', issued.accessKeyId, Buffer.from(issued.secretAccessKey)),
    status: 'Active',
    created_at: now,
    expires_at: limits?.expiresAt ?? null,
    policy: limits?.policy ?? null,
  })
  return issued
}

/** What a key's calls, and those of sessions made with it, are held to; undefined where nothing. */
export function limitsOf(key: AccessKeyTable): KeyLimits | undefined {
  if (key.expires_at === null && key.policy === null) return undefined
  return {
    accessKeyId: key.access_key_id,
    expiresAt: key.expires_at ?? undefined,
    policy: key.policy ?? undefined,
  }
}

/** The status as it is told: a key that has ended is neither active nor inactive. */
export function statusOf(key: AccessKeyTable, now: number): 'Active' | 'Inactive' | 'Expired' {
  return key.expires_at !== null && key.expires_at <= now ? 'Expired' : key.status
}
