import * as fs from 'node:fs'
import { efs } from '../../kinds/efs.ts'
import type { Kind, Step, StepTarget } from '../../kinds/kind.ts'
import { libc } from './directory-libc.ts'
import { discoverDirectories } from './directory-discovery.ts'
import { LIST_FLAGS, codeOf, openPath, pathIn, reasonOf } from './directory-paths.ts'
import {
  closeStaging,
  discardStaging,
  moveIntoPlace,
  openStaging,
  placedAs,
  removeEarlier,
} from './directory-place.ts'
import type { Staging } from './directory-place.ts'
import { removeRestoredDirectory } from './directory-removal.ts'
import { restoreTree } from './directory-restore.ts'
import { parseItemsToRestore, select } from './directory-selection.ts'
import { folderSetting } from './directory-settings.ts'
import { directoryValidation } from './directory-validation.ts'
import { walkTree } from './directory-walk.ts'
import { displayKey } from './directory-meta.ts'
import { factsOf } from '../driver.ts'
import type { BackupRequest, BackupSummary, Connection, Driver } from '../driver.ts'
import type { RestoreRequest, RestoreSummary, RestoreWish } from '../driver.ts'
import type { RestoreChecks } from '../restore-checks.ts'

/**
 * EFS: a directory tree on the server's host (Linux).
 *
 * Connection settings: `path`, the absolute path of the directory, no symbolic link anywhere in it; `restoreRoot`, likewise,
 * where new file systems are made, outside of `path`. No secret.
 */
export const directoryDriver: Driver = {
  kind: efs,
  test: testConnection,
  discover: discoverDirectories,
  backup,
  restore,
  checkRestore,
  removeRestored: removeRestoredDirectory,
  validation: directoryValidation,
}

/** A step of the kind's table. */
function step(steps: Kind['backup'], name: string): Step {
  const found = steps[name]
  if (found === undefined) throw new Error(`The kind has no step "${name}"`)
  return found
}
const backupStep = (name: string): Step => step(efs.backup, name)
const restoreStep = (name: string): Step => step(efs.restore, name)

const NO_XATTRS = 'Extended attributes were not read: that needs Linux and the node:ffi of Node 26 or newer'

async function backup({ session, sink }: BackupRequest): Promise<BackupSummary> {
  const target = efs.backupTarget(factsOf(session))
  await session.call(backupStep('DescribeBackupVault'), target, () => undefined)
  await session.call(backupStep('DescribeTags'), target, () => undefined)
  await session.call(backupStep('TagRecoveryPoint'), target, () => undefined)
  await session.call(backupStep('Backup'), target, async (connection) => {
    const path = folderSetting(connection, 'path')
    sink.readWith({ path })
    await walkTree({ path, sink, signal: session.signal, now: () => session.now() })
  })
  return {
    restoreMetadata: {
      'file-system-id': session.resource.name,
      Encrypted: 'false',
      PerformanceMode: 'generalPurpose',
    },
    ...(libc() === undefined && { notes: [NO_XATTRS] }),
  }
}

async function restore(request: RestoreRequest): Promise<RestoreSummary> {
  const { session, metadata } = request
  const paths = parseItemsToRestore(metadata['ItemsToRestore'])
  const isNew = flag(metadata, 'newFileSystem')
  if (isNew !== request.target.isNew)
    throw new Error('newFileSystem does not agree with the target of the restore')
  const target = efs.restoreTarget({ ...factsOf(session), targetArn: request.target.arn })
  await session.call(restoreStep('DescribeFileSystems'), target, () => undefined)
  const name = isNew ? newName(request) : `aws-backup-restore_${timeName(session.now())}`
  const place = isNew
    ? await createFileSystem(request, target, name)
    : await session.call(restoreStep('Restore'), target, (connection) => stage(request, connection))
  try {
    return await fill(request, target, place, { paths, name, isNew })
  } catch (error) {
    await discard(request, target, place.staging)
    throw error
  } finally {
    closeStaging(place.staging)
  }
}

/** What `restore` looks at before it writes. */
async function checkRestore(wish: RestoreWish, checks: RestoreChecks): Promise<void> {
  const { session, metadata, point, target: made } = wish
  const target = efs.restoreTarget({ ...factsOf(session), targetArn: made.arn })
  const { isNew, name } = await checks.need(
    'Restore metadata',
    () => {
      parseItemsToRestore(metadata['ItemsToRestore'])
      const isNew = flag(metadata, 'newFileSystem')
      return { isNew, name: isNew ? newName(wish) : 'aws-backup-restore_…' }
    },
    () => 'It is understood',
  )
  const { parent, free } = await checks.need(
    'Target',
    async () => {
      await session.call(restoreStep('DescribeFileSystems'), target, () => undefined)
      if (isNew) await session.call(restoreStep('TagResource'), target, () => undefined)
      return await session.call(restoreStep(isNew ? 'CreateFileSystem' : 'Restore'), target, (connection) =>
        lookAtPlace(folderSetting(connection, isNew ? 'restoreRoot' : 'path'), isNew ? name : undefined),
      )
    },
    (place) => `"${displayKey(Buffer.from(`${place.parent}/${name}`).toString('latin1'))}" can be made`,
  )
  const needs = point.contentBytes
  const figures = `${needs} bytes at most are to be written, and ${free} bytes are free in "${parent}"`
  checks.note('Space', free >= needs ? 'yes' : 'unknown', figures)
}

/** @throws Where nothing can be made in `parent`, or something of that name is there. */
function lookAtPlace(parent: string, name: string | undefined): { parent: string; free: number } {
  const fd = openReal(parent)
  try {
    fs.accessSync(pathIn(fd, '.'), fs.constants.W_OK | fs.constants.X_OK)
    if (name !== undefined) refuseTaken(parent, name)
    const { bavail, bsize } = fs.statfsSync(pathIn(fd, '.'))
    return { parent, free: bavail * bsize }
  } catch (cause) {
    if (codeOf(cause) === undefined) throw cause
    throw new Error(`Cannot make a directory in "${parent}": ${reasonOf(cause)}`, { cause })
  } finally {
    fs.closeSync(fd)
  }
}

function refuseTaken(root: string, name: string): void {
  const path = `${root}/${name}`
  if (fs.lstatSync(path, { throwIfNoEntry: false }) === undefined) return
  throw new Error(`Cannot restore to "${path}": something of that name is there already`)
}

interface Place {
  readonly staging: Staging
  readonly restoreRoot: string | undefined
}

async function createFileSystem(request: RestoreRequest, target: StepTarget, name: string): Promise<Place> {
  const { session } = request
  await session.call(restoreStep('TagResource'), target, () => undefined)
  return await session.call(
    restoreStep('CreateFileSystem'),
    target,
    async (connection) => await stage(request, connection, name),
  )
}

/** `name` is the new file system's; undefined where the restore goes into the one it came from. */
async function stage(
  { session, attempt, placed }: RestoreRequest,
  connection: Connection,
  name?: string,
): Promise<Place> {
  const path = folderSetting(connection, name === undefined ? 'path' : 'restoreRoot')
  const run = { jobId: session.jobId, attempt }
  if (attempt > 1) await removeEarlier(path, run, placed)
  if (name !== undefined) refuseTaken(path, name)
  const restoreRoot = connection.settings['restoreRoot']
  return {
    staging: openStaging(path, run),
    restoreRoot: typeof restoreRoot === 'string' ? restoreRoot : undefined,
  }
}

async function fill(
  request: RestoreRequest,
  target: StepTarget,
  { staging, restoreRoot }: Place,
  { paths, name, isNew }: { paths: readonly string[] | undefined; name: string; isNew: boolean },
): Promise<RestoreSummary> {
  const { session, point } = request
  let mayRestorePrivileges: boolean | undefined
  const write = async (): Promise<RestoreSummary> => {
    await request.begin()
    const done = await restoreTree({
      point,
      ...select(point, paths),
      folder: staging.folder,
      mayRestorePrivileges: () =>
        (mayRestorePrivileges ??= session.may(restoreStep('ClientRootAccess'), target)),
      signal: session.signal,
      problem: (problem) => request.problem(problem),
      progress: (bytes, items) => request.progress(bytes, items),
    })
    session.signal.throwIfAborted()
    await request.placing(placedAs(staging, name))
    session.signal.throwIfAborted()
    const path = moveIntoPlace(staging, name)
    const settings = { path, ...(restoreRoot !== undefined && { restoreRoot }) }
    return {
      createdResourceArn: request.target.arn,
      created: isNew ? { name: request.target.name, settings } : undefined,
      itemsRestored: done.items,
      itemsSkipped: done.skipped,
      bytes: done.bytes,
      notes: [`Restored to ${displayKey(Buffer.from(path).toString('latin1'))}`, ...done.notes],
    }
  }
  return isNew ? await session.call(restoreStep('Restore'), target, write) : await write()
}

/** Removes what a restore made that did not end well; a new file system only where the role may. What stays is said. */
async function discard(request: RestoreRequest, target: StepTarget, staging: Staging): Promise<void> {
  const path = displayKey(Buffer.from(`${staging.path}/${staging.name}`).toString('latin1'))
  const left = `What was restored by then stays in "${path}"`
  if (request.target.isNew && !request.session.may(restoreStep('DeleteFileSystem'), target))
    return request.left(`${left}: the role may not elasticfilesystem:DeleteFileSystem`)
  try {
    await discardStaging(staging)
  } catch (error) {
    request.left(`${left}: ${reasonOf(error)}`)
  }
}

function flag(metadata: Readonly<Record<string, string>>, name: string): boolean {
  const value = metadata[name]?.toLowerCase()
  if (value === 'true' || value === 'false') return value === 'true'
  throw new Error(`Restore metadata ${name} is ${JSON.stringify(metadata[name])}: write "true" or "false"`)
}

/** One plain name: it becomes a directory's. */
const NEW_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/

function newName({ metadata, target }: RestoreWish): string {
  const token = metadata['CreationToken']
  const name = token === undefined || token === '' ? target.name : token
  if (NEW_NAME.test(name)) return name
  throw new Error(
    `CreationToken ${JSON.stringify(name)} cannot name a directory: use letters, digits, ".", "_" and "-", beginning with a letter or digit`,
  )
}

/** `2026-11-24T02-22-04-123Z`: no colons, which some tools take for a host's name. */
const timeName = (at: Date): string => at.toISOString().replaceAll(/[:.]/g, '-')

async function testConnection(
  connection: Connection,
  signal: AbortSignal,
): Promise<{ readonly warnings: readonly string[] }> {
  signal.throwIfAborted()
  if (process.platform !== 'linux')
    throw new Error('Directories can be backed up on Linux only: run the server there')
  const path = folderSetting(connection, 'path')
  const warnings = [...(await unreadable(path, signal))]
  if (libc() === undefined) warnings.push(NO_XATTRS)
  const restoreRoot = connection.settings['restoreRoot']
  if (restoreRoot === undefined) {
    warnings.push('There is no restoreRoot: restores to a new file system will be refused')
    return { warnings }
  }
  const root = folderSetting(connection, 'restoreRoot')
  if (`${root}/`.startsWith(path === '/' ? '/' : `${path}/`)) {
    throw new Error(
      `restoreRoot "${root}" lies inside "${path}": restores would be backed up again, choose another`,
    )
  }
  const fd = openReal(root)
  try {
    fs.accessSync(pathIn(fd, '.'), fs.constants.W_OK | fs.constants.X_OK)
  } catch (cause) {
    throw new Error(`Cannot write to restoreRoot "${root}": ${reasonOf(cause)}`, { cause })
  } finally {
    fs.closeSync(fd)
  }
  return { warnings }
}

/** Opens a path that the operator names; says the real one where it leads over links. */
function openReal(path: string): number {
  try {
    return openPath(path, LIST_FLAGS)
  } catch (error) {
    const real = realPath(path)
    if (real === undefined || real === path) throw error
    throw new Error(`"${path}" leads over symbolic links: register "${real}" instead`, { cause: error })
  }
}

function realPath(path: string): string | undefined {
  try {
    return fs.realpathSync(path)
  } catch {
    return undefined
  }
}

const MAX_WARNINGS = 5
const MAX_LOOKED_AT = 2000

/** Looks at the first entries of the tree, level by level, and says what this process may not read. */
async function unreadable(path: string, signal: AbortSignal): Promise<readonly string[]> {
  fs.closeSync(openReal(path))
  const warnings: string[] = []
  const queue = [path]
  const attempt = (target: string, look: () => void): void => {
    try {
      look()
    } catch (error) {
      // A name that is not UTF-8 is not found by this short look; the backup itself reads names as bytes.
      if (codeOf(error) === 'ENOENT' || warnings.length >= MAX_WARNINGS) return
      warnings.push(`Cannot read "${displayKey(Buffer.from(target).toString('latin1'))}": ${reasonOf(error)}`)
    }
  }
  let looked = 0
  for (let folder = queue.shift(); folder !== undefined && looked < MAX_LOOKED_AT; folder = queue.shift()) {
    signal.throwIfAborted()
    await new Promise((resolve) => setImmediate(resolve))
    const here = folder
    attempt(here, () => {
      for (const entry of fs.readdirSync(here, { withFileTypes: true })) {
        if (++looked > MAX_LOOKED_AT) return
        const inner = `${here === '/' ? '' : here}/${entry.name}`
        if (entry.isDirectory()) queue.push(inner)
        else if (entry.isFile()) attempt(inner, () => fs.accessSync(inner, fs.constants.R_OK))
      }
    })
  }
  return warnings
}
