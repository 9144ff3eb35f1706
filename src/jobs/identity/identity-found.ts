import { BlobNotFoundError } from '../../blobs/blob-store.ts'
import { readMigrations } from '../../store/migrate.ts'
import type { ServerTable } from '../../store/schema.ts'
import { readAllHeads } from '../../vault/points/all-heads.ts'
import { VaultDamageError } from '../../vault/errors.ts'
import { listIdentityExports, readIdentityPart } from '../../vault/points/identity-exports.ts'
import type { IdentityExportName, IdentityManifest } from '../../vault/points/identity-exports.ts'
import type { Vault } from '../../vault/vault.ts'
import { believedManifest } from './identity-belief.ts'
import type { IdentityLine } from './identity-rows.ts'
import { identityExportIn } from '../points/point-record.ts'
import { RebuildError } from '../rebuild/rebuild-vault.ts'

/** Identity exports of a lost server, judged before anything in them is believed. */

export interface FoundIdentity {
  readonly vault: Vault
  readonly manifest: IdentityManifest
  /** The one before it, to tell the difference by. */
  readonly before: IdentityManifest | undefined
  /** The newest, where an older one was asked for. */
  readonly newer: IdentityManifest | undefined
  readonly server: Pick<ServerTable, 'management_account_id' | 'region'>
  /** Exports that were passed over, and why. */
  readonly problems: readonly string[]
}

interface Candidate {
  readonly vault: Vault
  readonly name: IdentityExportName
}

interface Believed {
  readonly vault: Vault
  readonly manifest: IdentityManifest
}

/**
 * Those of the kit's own server first, then those of the servers before it: who still has the key of one of these can sign greater
 * numbers for ever.
 */
function newestFirst(all: readonly Believed[], signers: readonly string[]): readonly Believed[] {
  const rank = ({ manifest }: Believed): number => signers.indexOf(manifest.signer)
  return all.toSorted((a, b) => rank(a) - rank(b) || b.manifest.number - a.manifest.number)
}

/** Problems told; one that planted more has nothing more to say. */
const MAX_PROBLEMS = 20

/**
 * The export with this number, or the newest. Only one that is whole and signed by a server that the kit names is taken.
 *
 * @param vaults The system vaults that were found.
 * @throws {RebuildError} Where there is none, it was written by a newer version, or the kit names nobody.
 */
export async function findIdentity(
  vaults: readonly Vault[],
  kit: { readonly kitId: string; readonly identitySigners: readonly string[] },
  wanted?: number,
): Promise<FoundIdentity> {
  const candidates = await candidatesIn(vaults)
  if (candidates.length === 0)
    throw new RebuildError('Cannot bring identities back: no export of them is there')
  if (kit.identitySigners.length === 0) {
    throw new RebuildError(
      `Cannot bring identities back: recovery kit ${kit.kitId} is from before there were exports of them, and does not say whose to believe. ` +
        'Rebuild without --with-identity; "recover.mjs identity" shows what was exported',
    )
  }
  const problems: string[] = []
  const told = (problem: string): void => void (problems.length < MAX_PROBLEMS && problems.push(problem))
  const believed: Believed[] = []
  for (const { vault, name } of candidates) {
    const manifest = await believedManifest(vault, name, kit.identitySigners, told)
    if (manifest !== undefined) believed.push({ vault, manifest })
  }
  const ordered = newestFirst(believed, kit.identitySigners)
  const from = wanted === undefined ? 0 : ordered.findIndex(({ manifest: { number } }) => number === wanted)
  const good: Believed[] = []
  for (const one of from < 0 ? [] : ordered.slice(from)) {
    if (good.length === 0 && wanted !== undefined && one.manifest.number !== wanted) break
    if (good.length > 0 || (await isWhole(one.vault, one.manifest, told))) good.push(one)
    if (good.length === 2) break
  }
  const [chosen, before] = good
  if (chosen === undefined) {
    const which =
      wanted === undefined
        ? 'no export of them is whole and signed'
        : `export ${wanted} is not there, whole and signed`
    throw new RebuildError(
      [
        `Cannot bring identities back: ${which} by a server that recovery kit ${kit.kitId} names`,
        ...problems,
      ].join('. '),
    )
  }
  const { vault, manifest } = chosen
  const known = readMigrations().length
  if (manifest.schema > known) {
    throw new RebuildError(
      `Cannot bring identities back: export ${manifest.number} was written by a newer version of Roleback (tables ${manifest.schema}, ` +
        `here ${known}). Rebuild with that version`,
    )
  }
  return {
    vault,
    manifest,
    before: before?.manifest,
    newer: from > 0 ? ordered[0]?.manifest : undefined,
    server: await serverIn(vault, manifest),
    problems,
  }
}

/** All of it is read before anything of it is believed. */
async function isWhole(
  { store, keys }: Vault,
  { number, parts }: IdentityManifest,
  told: (problem: string) => void,
): Promise<boolean> {
  try {
    for (const part of parts) await readIdentityPart(store, keys, part)
    return true
  } catch (error) {
    if (!(error instanceof VaultDamageError || error instanceof BlobNotFoundError)) throw error
    told(`identity export ${number} is not whole: ${error.message}`)
    return false
  }
}

async function candidatesIn(vaults: readonly Vault[]): Promise<readonly Candidate[]> {
  const all: Candidate[] = []
  for (const vault of vaults)
    for (const name of await listIdentityExports(vault.store)) all.push({ vault, name })
  return all.toSorted((a, b) => b.name.number - a.name.number)
}

async function serverIn(
  { store, keys }: Vault,
  manifest: IdentityManifest,
): Promise<FoundIdentity['server']> {
  for (const part of manifest.parts.filter(({ accountId }) => accountId === null)) {
    const lines = (await readIdentityPart(store, keys, part)) as readonly IdentityLine[]
    const server = lines.find(({ table }) => table === 'server')
    if (server !== undefined) return server.row as unknown as ServerTable
  }
  throw new RebuildError(`Cannot bring identities back: export ${manifest.number} does not name the server`)
}

/** The newest export that a recovery point in these vaults names; 0 where none does. */
export async function newestNamed(vaults: readonly Vault[]): Promise<number> {
  let newest = 0
  for (const { store, keys } of vaults) {
    for await (const page of readAllHeads(store, keys)) {
      for (const head of page)
        if (!(head instanceof VaultDamageError)) newest = Math.max(newest, identityExportIn(head.record))
    }
  }
  return newest
}

/** Rows by table, of all accounts. */
export function countRows(manifest: IdentityManifest): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { rows } of manifest.parts)
    for (const [table, count] of Object.entries(rows)) counts.set(table, (counts.get(table) ?? 0) + count)
  return counts
}
