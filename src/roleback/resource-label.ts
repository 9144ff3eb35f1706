import { basename } from 'node:path'
import type { ResourceTable } from '../store/schema.ts'

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
