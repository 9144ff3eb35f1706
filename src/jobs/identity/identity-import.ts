import type { Transaction } from 'kysely'
import { parseLockText, stricterLock } from '../../plans/vault-lock.ts'
import type { ServerKey } from '../../keyring/server-key.ts'
import type { Database } from '../../store/database.ts'
import {
  IDENTITY_TABLES,
  identityColumns,
  insertIdentityRow,
  updateIdentityRow,
} from '../../store/identity/identity-rows.ts'
import type { IdentityRow, IdentityTable } from '../../store/identity/identity-rows.ts'
import { findVaultById, restoreVaultSettings } from '../../store/vaults/vaults.ts'
import { VaultDamageError } from '../../vault/errors.ts'
import type { PointRecord } from '../../vault/points/heads.ts'
import { readIdentityPart } from '../../vault/points/identity-exports.ts'
import type { IdentityPart } from '../../vault/points/identity-exports.ts'
import type { FoundIdentity } from './identity-found.ts'
import { coldPlaceIn } from '../points/cold-place.ts'
import { sealedAgain } from './identity-rows.ts'
import type { IdentityLine } from './identity-rows.ts'

/** What an import of identities brought back. */
export interface ImportedIdentity {
  /** Rows by table. */
  readonly rows: Map<string, number>
  /** Access keys that were active and are not any more. */
  readonly keys: {
    readonly accountId: string
    readonly userName: string | null
    readonly accessKeyId: string
  }[]
  /** Rows that were not brought back, and why: the first ones. */
  readonly problems: string[]
  problemCount: number
}

interface Import {
  readonly tx: Transaction<Database>
  readonly serverKey: ServerKey
  readonly now: number
  /** Of the root key that is handed out: a row of it must not shut it out. */
  readonly rootKeyId: string
  readonly result: ImportedIdentity
  readonly columns: Map<string, ReadonlySet<string>>
}

const MAX_PROBLEMS = 100
const STEP_MS = 30_000

/**
 * Puts the rows of an export back. The vaults' own rows, points and holds are there already: what is sealed in a vault stays, where it
 * says more.
 */
export async function importIdentity(
  tx: Transaction<Database>,
  { vault, manifest, newer }: FoundIdentity,
  by: {
    readonly serverKey: ServerKey
    readonly now: number
    readonly rootKeyId: string
    /** The newest export that recovery points name. */
    readonly newest: number
  },
): Promise<ImportedIdentity> {
  const result: ImportedIdentity = { rows: new Map(), keys: [], problems: [], problemCount: 0 }
  const into: Import = { ...by, tx, result, columns: new Map() }
  const newest = Math.max(by.newest, newer?.number ?? 0)
  if (newest > manifest.number)
    note(
      into,
      `there was export ${newest}, which is newer: what was changed since export ${manifest.number}, rights that were ` +
        'withdrawn among it, is as it was before',
    )
  let owner: Owner | undefined
  for (const part of manifest.parts) {
    if (owner === undefined || owner.accountId !== part.accountId) owner = new Owner(part.accountId)
    for (const line of await readIdentityPart(vault.store, vault.keys, part))
      await importLine(into, owner, part, line)
  }
  return result
}

/** What of an account is back already: rows that refer to other rows are put back behind them. */
class Owner {
  readonly accountId: string | null
  readonly #known = new Set<string>()
  readonly userNames = new Map<string, string>()

  constructor(accountId: string | null) {
    this.accountId = accountId
  }

  add(table: string, id: unknown): void {
    this.#known.add(`${table} ${String(id)}`)
  }

  has(table: string, id: unknown): boolean {
    return this.#known.has(`${table} ${String(id)}`)
  }
}

async function importLine(into: Import, owner: Owner, part: IdentityPart, line: unknown): Promise<void> {
  const { table, row } = parsed(part, line)
  if (table.name === 'server') return
  if (table.of === 'account' && row['account_id'] !== owner.accountId)
    throw new VaultDamageError(part.name, `it holds a row of another account (${table.name})`)
  const id = row[table.key[0] as string]
  if (typeof table.of === 'object' && !owner.has(table.of.table, row[table.of.column]))
    return note(into, `${table.name} ${String(id)}: what it belongs to is not in the account`)
  const fitting = fittingRow(into, owner, table, row)
  if (fitting === undefined) return
  const sealed = sealedAgain(into.serverKey, table, { ...(line as IdentityLine), row: fitting })
  if (await put(into, table, await knownColumns(into, table, sealed))) {
    owner.add(table.name, id)
    into.result.rows.set(table.name, (into.result.rows.get(table.name) ?? 0) + 1)
  }
}

function parsed(
  { name, accountId }: IdentityPart,
  line: unknown,
): { readonly table: IdentityTable; readonly row: IdentityRow } {
  const { table: tableName, row } = (line ?? {}) as Partial<IdentityLine>
  const table = IDENTITY_TABLES.find((one) => one.name === tableName)
  const isOfServer = table?.of === 'server'
  if (table === undefined || typeof row !== 'object' || isOfServer !== (accountId === null))
    throw new VaultDamageError(name, `it holds a line of another kind (${String(tableName)})`)
  return { table, row }
}

/** The row as it is to come back; undefined where it is not. */
function fittingRow(
  into: Import,
  owner: Owner,
  table: IdentityTable,
  row: IdentityRow,
): IdentityRow | undefined {
  const userId = row['user_id'] ?? null
  const isUserThere = userId === null || owner.has('iam_user', userId)
  const name: string = table.name
  switch (name) {
    case 'iam_user':
      owner.userNames.set(String(userId), String(row['name']))
      return row
    case 'iam_group_member':
    case 'iam_login_profile':
      if (isUserThere && (row['group_id'] === undefined || owner.has('iam_group', row['group_id'])))
        return row
      note(into, `${name} of ${String(userId)}: the user or group is not in the account`)
      return undefined
    case 'iam_mfa_device':
      // Codes that were used at the lost server must not open this one.
      return {
        ...row,
        user_id: isUserThere ? userId : null,
        last_step: Math.max(
          Number(row['last_step']),
          Math.floor(into.now / STEP_MS) + Math.max(0, Number(row['drift'])),
        ),
      }
    case 'iam_access_key':
      return isUserThere ? inactiveKey(into, owner, row) : undefined
    default:
      return row
  }
}

function inactiveKey(into: Import, owner: Owner, row: IdentityRow): IdentityRow | undefined {
  const accessKeyId = String(row['access_key_id'])
  if (accessKeyId === into.rootKeyId) return undefined
  if (row['status'] === 'Active') {
    into.result.keys.push({
      accountId: owner.accountId ?? '',
      userName: owner.userNames.get(String(row['user_id'])) ?? null,
      accessKeyId,
    })
  }
  return { ...row, status: 'Inactive' }
}

async function knownColumns(into: Import, table: IdentityTable, row: IdentityRow): Promise<IdentityRow> {
  let columns = into.columns.get(table.name)
  if (columns === undefined) {
    columns = await identityColumns(into.tx, table)
    into.columns.set(table.name, columns)
  }
  return Object.fromEntries(
    Object.entries(row).filter(([column]) => (columns as ReadonlySet<string>).has(column)),
  )
}

async function put(into: Import, table: IdentityTable, row: IdentityRow): Promise<boolean> {
  const { tx } = into
  if (table.name === 'vault') return await putVault(into, row)
  if (await insertIdentityRow(tx, table, row)) return true
  const id = table.key.map((column) => row[column]).join(' ')
  const name: string = table.name
  switch (name) {
    case 'account':
      // Made for a vault.
      await updateIdentityRow(tx, table, row)
      return true
    case 'storage':
      // The one that the rebuild was pointed at.
      return true
    case 'legal_hold':
    case 'legal_hold_target':
    case 'tag':
      // From a recovery point that it keeps; one that was being cancelled stays.
      return true
    default:
      note(into, `${name} ${id}: there is another of its id or name`)
      return false
  }
}

/** What a vault's sealed records do not say: its policy and notifications; and a lock that was to be sealed when the server was lost. */
async function putVault(into: Import, row: IdentityRow): Promise<boolean> {
  const { tx } = into
  const vault = await findVaultById(tx, String(row['vault_id']))
  if (vault === undefined) {
    if (row['state'] === 'AVAILABLE')
      note(
        into,
        `vault ${String(row['name'])} of account ${String(row['account_id'])}: it was not found (${String(row['storage'])})`,
      )
    return false
  }
  const text = (column: string): string | null => {
    const value = row[column]
    return typeof value === 'string' ? value : null
  }
  const isSealedLater = recordNumber(vault.sealed_records) > recordNumber(text('sealed_records'))
  const present = parseLockText(vault.lock_configuration)
  const lock = isSealedLater ? present : stricterLock(present, parseLockText(text('lock_configuration')))
  await restoreVaultSettings(tx, vault.vault_id, {
    access_policy: text('access_policy'),
    notifications: text('notifications'),
    creator_request_id: text('creator_request_id'),
    // What was moved is where the rebuild found it; where it was left out, nothing else is taken for that place.
    cold_storage: vault.cold_storage ?? (hasMoved(vault.sealed_records) ? null : text('cold_storage')),
    lock_configuration: lock === undefined ? null : JSON.stringify(lock),
  })
  return true
}

const hasMoved = (sealedRecords: string | null): boolean =>
  sealedRecords !== null &&
  coldPlaceIn((JSON.parse(sealedRecords) as { readonly record: PointRecord }).record) !== undefined

function recordNumber(sealedRecords: string | null): number {
  return sealedRecords === null ? 0 : (JSON.parse(sealedRecords) as { readonly number: number }).number
}

function note({ result }: Import, problem: string): void {
  result.problemCount++
  if (result.problems.length < MAX_PROBLEMS) result.problems.push(problem)
}
