import { arnOf, parseArn } from '../../lib/arn.ts'
import { UNFINISHED_STATES } from '../jobs/job-states.ts'
import type { VaultTable } from '../schema.ts'
import type { Queryable } from '../store.ts'
import type { EncryptionKeyTable } from './schema-encryption-keys.ts'

/** Keys that vaults are made under beside the server's own (docs/adr/0036). A vault's row names its key by ARN. */

export function encryptionKeyArn(accountId: string, region: string, keyId: string): string {
  return arnOf('kms', region, accountId, `key/${keyId}`)
}

/** The id in a vault's key ARN; undefined where it is the server's own key, `alias/aws/backup`. */
export function encryptionKeyIdOf(arn: string): string | undefined {
  const resource = parseArn(arn)?.resource ?? ''
  return resource.startsWith('key/') ? resource.slice('key/'.length) : undefined
}

/** False where a key of this id or name is there. */
export async function insertEncryptionKey(db: Queryable, row: EncryptionKeyTable): Promise<boolean> {
  const result = await db
    .insertInto('encryption_key')
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  return result.numInsertedOrUpdatedRows === 1n
}

export async function findEncryptionKeyById(
  db: Queryable,
  keyId: string,
): Promise<EncryptionKeyTable | undefined> {
  return await db.selectFrom('encryption_key').selectAll().where('key_id', '=', keyId).executeTakeFirst()
}

export async function findEncryptionKey(
  db: Queryable,
  name: string,
): Promise<EncryptionKeyTable | undefined> {
  return await db.selectFrom('encryption_key').selectAll().where('name', '=', name).executeTakeFirst()
}

/** By name: there are a few. @param accountId Of all accounts where absent. */
export async function listEncryptionKeys(
  db: Queryable,
  accountId: string | undefined,
): Promise<readonly EncryptionKeyTable[]> {
  const all = db.selectFrom('encryption_key').selectAll().orderBy('name')
  return await (accountId === undefined ? all : all.where('account_id', '=', accountId)).execute()
}

export async function deleteEncryptionKey(db: Queryable, keyId: string): Promise<boolean> {
  const deleted = await db.deleteFrom('encryption_key').where('key_id', '=', keyId).executeTakeFirst()
  return deleted.numDeletedRows === 1n
}

/** ARNs of the vaults under a key, those among them whose bytes are still to be removed. In order. */
export async function vaultsUnder(db: Queryable, keyArn: string): Promise<readonly string[]> {
  const rows = await db.selectFrom('vault').select('arn').where('encryption_key_arn', '=', keyArn).execute()
  const leaving = await db
    .selectFrom('job')
    .select('input')
    .where('kind', '=', 'delete-vault')
    .where('state', 'in', UNFINISHED_STATES)
    .execute()
  const theirs = leaving
    .map(({ input }) => JSON.parse(input) as Pick<VaultTable, 'arn' | 'encryption_key_arn'>)
    .filter((vault) => vault.encryption_key_arn === keyArn)
  return [...new Set([...rows, ...theirs].map(({ arn }) => arn))].toSorted()
}
