import { findByNameIn, insertInto, listOf } from '../regional.ts'
import type { FindByName, Insert, List, Place } from '../regional.ts'
import type { FrameworkTable } from './schema-frameworks.ts'
import type { Queryable } from '../store.ts'

export const insertFramework: Insert<'framework'> = insertInto('framework')
export const findFramework: FindByName<'framework'> = findByNameIn('framework')
export const listFrameworks: List<'framework'> = listOf('framework')

/** Every framework of an account in a region, by name: AWS allows 15. */
export async function allFrameworks(db: Queryable, place: Place): Promise<readonly FrameworkTable[]> {
  return await db
    .selectFrom('framework')
    .selectAll()
    .where('account_id', '=', place.accountId)
    .where('region', '=', place.region)
    .orderBy('name')
    .execute()
}

/** False where it is gone. */
export async function updateFramework(
  db: Queryable,
  frameworkId: string,
  change: Partial<Pick<FrameworkTable, 'description' | 'controls'>>,
): Promise<boolean> {
  const result = await db
    .updateTable('framework')
    .set(change)
    .where('framework_id', '=', frameworkId)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

export async function deleteFramework(db: Queryable, frameworkId: string): Promise<void> {
  await db.deleteFrom('framework').where('framework_id', '=', frameworkId).execute()
}
