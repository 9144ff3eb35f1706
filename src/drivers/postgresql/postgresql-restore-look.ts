import { rds } from '../../kinds/rds.ts'
import { factsOf } from '../driver.ts'
import type { PointReader, RestoreWish, StoredItem } from '../driver.ts'
import { DumpDamagedError } from './postgresql-archive.ts'
import { checkPlace, requireCreation } from './postgresql-restore.ts'
import type { RestoreTools } from './postgresql-restore.ts'
import type { DatabaseFacts } from './postgresql-server.ts'
import { parsePostgresqlSettings, quoted, requireDatabaseName } from './postgresql-settings.ts'
import type { PostgresqlSettings } from './postgresql-settings.ts'
import { chooseTables, DUMP_KIND, parseTables, readContents } from './postgresql-tables.ts'
import type { RestoreChecks } from '../restore-checks.ts'

/** What a restore of a database finds out, and has decided, before it writes anything. */

export const KIND_FACTS = 1
const MAX_FACTS_BYTES = 4 * 1024 * 1024

/** What `restore` looks at before it writes. */
export async function checkRestore(
  wish: RestoreWish,
  checks: RestoreChecks,
  tools: Omit<RestoreTools, 'signal'>,
): Promise<void> {
  const { session, point, target, metadata } = wish
  const { signal } = session
  const step = (name: string) => rds.restore[name] as NonNullable<(typeof rds.restore)[string]>
  const stepTarget = rds.restoreTarget({ ...factsOf(session), targetArn: target.arn })
  const names = await checks.need(
    'Restore metadata',
    () => {
      if (target.isNew) newName(wish)
      return parseTables(metadata['ItemsToRestore'])
    },
    () => 'It is understood',
  )
  await checks.need(
    'Recovery point',
    async () => {
      await session.call(step('DescribeSnapshot'), stepTarget, () => undefined)
      const { dump } = await readPoint(point, signal)
      if (names !== undefined) chooseTables(await readContents(point, dump, signal), names)
    },
    () => (names === undefined ? 'It holds a dump' : 'It holds a dump with the tables asked for'),
  )
  const database = (settings: PostgresqlSettings): string =>
    target.isNew ? newName(wish) : settings.database
  await checks.need(
    'Target',
    () =>
      session.call(step('DescribeTarget'), stepTarget, async (connection) => {
        const settings = parsePostgresqlSettings(connection)
        const place = { database: database(settings), isNew: target.isNew }
        await checkPlace(settings, place, { ...tools, signal })
        if (target.isNew) await requireCreation(settings, signal)
        return `${quoted(place.database)} at ${settings.host}:${settings.port}`
      }),
    (place) =>
      target.isNew ? `The database ${place} can be made` : `The database ${place} is there, and empty`,
  )
  await checks.need(
    'Rights at the target',
    async () => {
      await session.call(step('TagTarget'), stepTarget, () => undefined)
      await session.call(step('RestoreDatabase'), stepTarget, () => undefined)
    },
    () => 'The role has what the restore takes',
  )
  checks.note('Space', 'unknown', 'PostgreSQL does not tell how much room it has')
}

/** DBName, else DBInstanceIdentifier, else the name in the target's ARN. */
export function newName({ metadata, target }: RestoreWish): string {
  const { DBName, DBInstanceIdentifier } = metadata
  if (DBName !== undefined && DBName !== '') return requireDatabaseName('DBName', DBName)
  return requireDatabaseName('DBInstanceIdentifier', DBInstanceIdentifier ?? target.name)
}

export async function readPoint(
  point: PointReader,
  signal: AbortSignal,
): Promise<{ facts: DatabaseFacts; dump: StoredItem }> {
  let factsItem: StoredItem | undefined
  let dump: StoredItem | undefined
  for await (const page of point.items()) {
    for (const item of page) {
      if (item.kind === KIND_FACTS) factsItem = item
      if (item.kind === DUMP_KIND) dump = item
    }
  }
  if (factsItem === undefined || dump === undefined) {
    throw new DumpDamagedError('The recovery point holds no whole PostgreSQL dump')
  }
  if (factsItem.meta[0] !== 1 || dump.meta[0] !== 1) {
    throw new DumpDamagedError('The recovery point was made by a newer version of this program')
  }
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of point.read(factsItem, { signal })) {
    size += chunk.length
    if (size > MAX_FACTS_BYTES) throw new DumpDamagedError('The recovery point’s database.json is too long')
    chunks.push(Uint8Array.from(chunk))
  }
  return { facts: JSON.parse(Buffer.concat(chunks).toString('utf8')) as DatabaseFacts, dump }
}
