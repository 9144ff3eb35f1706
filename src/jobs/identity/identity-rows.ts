import type { SealPurpose, ServerKey } from '../../keyring/server-key.ts'
import type { IdentityRow, IdentityTable } from '../../store/identity/identity-rows.ts'
import { storageSecretOwner } from '../../store/vaults/storages.ts'

/** Columns of the export that are sealed under the server's key, and what for: another server must seal them anew. */

interface SealedColumn {
  readonly column: string
  readonly purpose: SealPurpose
  readonly owner: (row: IdentityRow) => string
}

const SEALED: Readonly<Partial<Record<IdentityTable['name'], SealedColumn>>> = {
  iam_access_key: {
    column: 'secret',
    purpose: 'access-key',
    owner: ({ access_key_id }) => String(access_key_id),
  },
  iam_login_profile: { column: 'password', purpose: 'password', owner: ({ user_id }) => String(user_id) },
  iam_password_history: { column: 'password', purpose: 'password', owner: ({ user_id }) => String(user_id) },
  iam_mfa_device: {
    column: 'seed',
    purpose: 'mfa-seed',
    owner: ({ serial_number }) => String(serial_number),
  },
  sign_in_provider: {
    column: 'client_secret',
    purpose: 'client-secret',
    owner: ({ account_id, url }) => `${account_id} ${url}`,
  },
  resource: {
    column: 'secret',
    purpose: 'connection',
    owner: ({ unique_id, version }) => `${unique_id} ${version}`,
  },
  discovery_rule: {
    column: 'secret',
    purpose: 'connection',
    owner: ({ rule_id, version }) => `${rule_id} ${version}`,
  },
  event_target: { column: 'secret', purpose: 'event-target', owner: ({ target_id }) => String(target_id) },
  storage: {
    column: 'secret',
    purpose: 'storage',
    owner: ({ name, version }) => storageSecretOwner({ name: String(name), version: Number(version) }),
  },
}

/** A line of a part: a table's row, and apart from it what is secret in it, so that one can be shown without the other. */
export interface IdentityLine {
  readonly table: string
  readonly row: IdentityRow
  /** Base64 by column. */
  readonly secrets?: Readonly<Record<string, string>>
}

/** @throws {SealError} Where a secret was sealed by another server, or is damaged. */
export function identityLine(serverKey: ServerKey, table: IdentityTable, row: IdentityRow): IdentityLine {
  if (table.name === 'vault') return { table: table.name, row: { ...row, wrapped_key: null } }
  const sealed = SEALED[table.name]
  const text = sealed === undefined ? undefined : row[sealed.column]
  if (sealed === undefined || typeof text !== 'string') return { table: table.name, row }
  const secret = serverKey.open(sealed.purpose, sealed.owner(row), text)
  return {
    table: table.name,
    row: { ...row, [sealed.column]: null },
    secrets: { [sealed.column]: secret.toString('base64') },
  }
}

/** The row under this server's key. */
export function sealedAgain(
  serverKey: ServerKey,
  table: IdentityTable,
  { row, secrets }: IdentityLine,
): IdentityRow {
  const sealed = SEALED[table.name]
  const secret = sealed === undefined ? undefined : secrets?.[sealed.column]
  if (sealed === undefined || secret === undefined) return row
  return {
    ...row,
    [sealed.column]: serverKey.seal(sealed.purpose, sealed.owner(row), Buffer.from(secret, 'base64')),
  }
}
