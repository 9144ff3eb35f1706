import * as fs from 'node:fs'
import { removalStep } from '../../kinds/restore-test.ts'
import { removeTree } from './directory-place.ts'
import { LIST_FLAGS, openPath, reasonOf } from './directory-paths.ts'
import { folderSetting } from './directory-settings.ts'
import type { RestoredThing } from '../driver.ts'

/** Removes the directory that a restore test made below the restore root. */
export async function removeRestoredDirectory({ session, targetArn, name }: RestoredThing): Promise<void> {
  const target = { resourceArn: session.resource.arn, targetArn }
  await session.call(removalStep('EFS', 'DeleteFileSystem'), target, async (connection) => {
    const root = folderSetting(connection, 'restoreRoot')
    const parent = openPath(root, LIST_FLAGS)
    try {
      await removeTree(parent, name)
      fs.fsyncSync(parent)
    } catch (cause) {
      throw new Error(`Cannot remove "${root}/${name}": ${reasonOf(cause)}`, { cause })
    } finally {
      fs.closeSync(parent)
    }
  })
}
