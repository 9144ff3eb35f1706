import { createInterface } from 'node:readline/promises'
import { countRows, findIdentity, newestNamed } from '../../jobs/identity/identity-found.ts'
import type { FoundIdentity } from '../../jobs/identity/identity-found.ts'
import type { ImportedIdentity } from '../../jobs/identity/identity-import.ts'
import { RebuildError } from '../../jobs/rebuild/rebuild-vault.ts'
import { isSystemVault } from '../../jobs/identity/system-vault.ts'
import type { OpenedKit } from '../../keyring/recovery-kit.ts'
import type { Vault } from '../../vault/vault.ts'
import { factsOf, note } from '../output.ts'
import { CommandUsageError } from '../report.ts'

/** Nothing of an export is brought back that was not shown before, and confirmed by its number. */

/** As `--with-identity [number]` gives it. */
export type WithIdentity = string | true | undefined

/** Words for the tables that people ask about. */
const WORDS: readonly (readonly [word: string, table: string])[] = [
  ['accounts', 'account'],
  ['users', 'iam_user'],
  ['groups', 'iam_group'],
  ['roles', 'iam_role'],
  ['policies', 'iam_policy'],
  ['access keys', 'iam_access_key'],
  ['plans', 'backup_plan'],
  ['selections', 'backup_selection'],
  ['resources', 'resource'],
  ['legal holds', 'legal_hold'],
]

/**
 * The export that is there, for who does not want it either: what comes after must have a greater number.
 *
 * @param vaults All that were found. @returns With `isWanted`, where it is to be brought back.
 * @throws {RebuildError} {CommandUsageError} Where it is wanted, and is not there or not confirmed.
 */
export async function chooseIdentity(
  vaults: readonly Vault[],
  kit: OpenedKit,
  asked: WithIdentity,
): Promise<{ readonly found: FoundIdentity | undefined; readonly isWanted: boolean }> {
  const systemVaults: Vault[] = []
  for (const vault of vaults) if (await isSystemVault(vault)) systemVaults.push(vault)
  if (asked === undefined) return { found: await thereAnyway(systemVaults, kit), isWanted: false }
  if (asked !== true && !/^\d{1,8}$/.test(asked))
    throw new CommandUsageError(
      `Cannot take "${asked}" for --with-identity: it takes the number of an export`,
    )
  const found = await findIdentity(systemVaults, kit, asked === true ? undefined : Number(asked))
  for (const problem of found.problems) note(problem)
  for (const line of linesOfExport(found)) note(line)
  if (asked === true) {
    await refuseStale(vaults, found.manifest.number)
    await confirm(found.manifest.number)
  }
  return { found, isWanted: true }
}

/** Who can write to the storage can take the newest exports away: nobody is to confirm an older one without knowing. */
async function refuseStale(vaults: readonly Vault[], number: number): Promise<void> {
  const newest = await newestNamed(vaults)
  if (newest <= number) return
  throw new RebuildError(
    `Cannot bring identities back: the newest export is number ${number}, and recovery points were made when there was number ` +
      `${newest}. It was put back, or newer ones were taken away: rights that were withdrawn may be in it. Nothing was changed. ` +
      `To bring it back all the same say --with-identity ${number}`,
  )
}

async function thereAnyway(
  systemVaults: readonly Vault[],
  kit: OpenedKit,
): Promise<FoundIdentity | undefined> {
  try {
    const found = await findIdentity(systemVaults, kit)
    note(
      `Users, roles, policies and plans of ${timeOf(found)} are there, too (export ${found.manifest.number}), and are not brought back: ` +
        'that takes --with-identity',
    )
    return found
  } catch (error) {
    if (error instanceof RebuildError) return undefined
    throw error
  }
}

const timeOf = ({ manifest }: FoundIdentity): string => new Date(manifest.exportedAt).toISOString()

function linesOfExport(found: FoundIdentity): readonly string[] {
  const { manifest, before, newer } = found
  const now = countRows(manifest)
  const earlier = before === undefined ? undefined : countRows(before)
  const changes = WORDS.flatMap(([word, table]) => {
    const change = (now.get(table) ?? 0) - (earlier?.get(table) ?? 0)
    return earlier === undefined || change === 0 ? [] : [`${change > 0 ? '+' : ''}${change} ${word}`]
  })
  return [
    factsOf({
      'identity export': `${manifest.number}, of ${timeOf(found)}`,
      server: `${manifest.serverId}, epoch ${manifest.epoch}`,
      ...Object.fromEntries(WORDS.map(([word, table]) => [word, now.get(table) ?? 0])),
    }),
    ...(newer === undefined
      ? []
      : [
          `export ${newer.number}, of ${new Date(newer.exportedAt).toISOString()}, is newer: rights that were withdrawn until then come back`,
        ]),
    ...(before === undefined
      ? []
      : [`since export ${before.number}: ${changes.length === 0 ? 'as many of each' : changes.join(', ')}`]),
  ]
}

async function confirm(number: number): Promise<void> {
  if (process.stdin.isTTY !== true) {
    throw new CommandUsageError(
      `Nothing was changed. Whoever brings these back gives all their rights back, too: confirm it with --with-identity ${number}`,
    )
  }
  const reader = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await reader.question(`Bring them back, with all their rights? Type the export's number: `)
    if (answer.trim() !== String(number))
      throw new CommandUsageError('Nothing was changed: it was not confirmed')
  } finally {
    reader.close()
  }
}

/** What an administrator has to do and to know afterwards. */
export function linesOfImport(imported: ImportedIdentity): readonly string[] {
  const { rows, keys, problems, problemCount } = imported
  const counts = WORDS.map(([word, table]) => `${rows.get(table) ?? 0} ${word}`).join(', ')
  return [
    `brought back: ${counts}`,
    ...problems,
    ...(problemCount > problems.length ? [`and ${problemCount - problems.length} more`] : []),
    ...(keys.length === 0
      ? []
      : [
          'These access keys are inactive now. Activate those whose holders you know, with "aws iam update-access-key --status Active":',
          ...keys.map(
            ({ accountId, userName, accessKeyId }) =>
              `  ${accessKeyId}  ${userName === null ? `root of account ${accountId}: make another with "roleback root-key"` : `${userName} in account ${accountId}`}`,
          ),
        ]),
  ]
}
