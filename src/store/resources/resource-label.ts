import { basename } from 'node:path'
import { valuesOfTag } from '../identity/tags.ts'
import type { ResourceTable } from '../schema.ts'
import type { Queryable } from '../store.ts'
import { findResources } from './resources.ts'

/**
 * What people call a resource: by its tag `Name`; a directory that a restore made without one by the name that it was given there, which
 * stands in its path; any other as it is registered.
 */
export function resourceLabel(
  {
    name,
    type,
    settings,
    restored_from: from,
  }: Pick<ResourceTable, 'name' | 'type' | 'settings' | 'restored_from'>,
  tags: Readonly<Record<string, string>>,
): string {
  if (tags['Name'] !== undefined) return tags['Name']
  if (type !== 'EFS' || from === null) return name
  return basename((JSON.parse(settings) as { readonly path: string }).path)
}

/**
 * {@link resourceLabel} of many resources of an account, by ARN. One that is registered no more keeps its tag `Name`; of one that has neither
 * tag nor registration here (another account's, of which there is a copy) there is none.
 */
export async function resourceLabels(
  db: Queryable,
  accountId: string,
  arns: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const distinct = [...new Set(arns)]
  const labels = new Map(await valuesOfTag(db, accountId, 'Name', distinct))
  const unnamed = distinct.filter((arn) => !labels.has(arn))
  for (const [arn, row] of await findResources(db, accountId, unnamed))
    labels.set(arn, resourceLabel(row, {}))
  return labels
}
