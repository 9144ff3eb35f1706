import { AssertionError } from 'node:assert'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { blobContract } from '../../blobs/blob-store.contract.ts'
import type { BlobStore } from '../../blobs/blob-store.ts'
import { DiskBlobStore } from '../../blobs/disk.ts'
import { StorageHost } from '../../blobs/storage-host.ts'
import { loadConfig } from '../../config.ts'
import { randomHex } from '../../lib/ids.ts'
import type { Check } from './doctor-checks.ts'
import { vaultsDirectory } from './first-start.ts'
import { say, sayJson } from '../output.ts'
import { CommandError, describeError } from '../report.ts'
import { readCredentials } from './serve-storage.ts'

interface StorageOptions {
  readonly endpoint?: string
  readonly region?: string
  readonly credentialsFile?: string
  readonly dataDir?: string
  readonly json?: boolean
}

/** Scratch stores of one place, each empty and by itself. */
interface Place extends AsyncDisposable {
  readonly name: string
  readonly isBucket: boolean
  open(name: string): BlobStore
}

export function addDoctorStorage(doctor: Command): void {
  doctor
    .command('storage [location]')
    .description(
      'try all that a vault asks of its storage in a scratch folder: s3://BUCKET/PREFIX, a directory, or the data directory',
    )
    .option('--endpoint <url>', 'http(s)://HOST[:PORT] of the S3-compatible service')
    .option('--region <region>', 'region that requests to it are signed for (default: us-east-1)')
    .option('--credentials-file <file>', 'file with its aws_access_key_id and aws_secret_access_key')
    .action(async (location: string | undefined, _options: object, command: Command) => {
      await doctorStorage(location, command.optsWithGlobals<StorageOptions>())
    })
}

async function doctorStorage(location: string | undefined, options: StorageOptions): Promise<void> {
  const checks = await checkStorage(location, options)
  if (options.json === true) sayJson(checks)
  else for (const { status, name, found } of checks) say(`${status.padEnd(5)} ${name}: ${found}`)
  const bad = checks.filter(({ status }) => status === 'bad')
  if (bad.length > 0) throw new CommandError(`not fit for vaults: ${bad.map(({ name }) => name).join('; ')}`)
}

async function checkStorage(
  location: string | undefined,
  options: StorageOptions,
): Promise<readonly Check[]> {
  await using place = placeOf(location, options)
  const checks: Check[] = []
  try {
    checks.push(...(await featureChecks(place)))
  } catch (error) {
    // Nothing else could be found out.
    return [{ name: place.name, status: 'bad', found: describeError(error) }]
  }
  for (const [i, { name, run }] of blobContract.entries()) {
    const store = place.open(String(i))
    try {
      await run(store)
      checks.push({ name, status: 'ok', found: 'holds' })
    } catch (error) {
      const found =
        error instanceof AssertionError
          ? `does not hold (${error.message.split('\n')[0]})`
          : describeError(error)
      checks.push({ name, status: 'bad', found })
    }
    store.close()
  }
  checks.push(await cleanUp(place))
  return checks
}

async function featureChecks(place: Place): Promise<readonly Check[]> {
  const store = place.open('features')
  try {
    if ((await store.stat('nothing')) !== undefined) throw new Error('a scratch folder is not empty')
    const { objectLock, versioning } = await store.features()
    const checks: Check[] = [{ name: place.name, status: 'ok', found: 'it answers' }]
    if (!place.isBucket) return checks
    const lock = objectLock
      ? 'the bucket has it: blobs can be kept from deletion until a time, whoever asks'
      : 'the bucket has none: whoever may delete in it can destroy vaults'
    checks.push({ name: 'Object Lock', status: objectLock ? 'ok' : 'hint', found: lock })
    const kept = versioning
      ? 'on: what is deleted stays until a lifecycle rule of the bucket expires old versions. See that it has one'
      : 'off: what is deleted is gone'
    checks.push({ name: 'versions', status: versioning ? 'hint' : 'ok', found: kept })
    return checks
  } finally {
    store.close()
  }
}

async function cleanUp(place: Place): Promise<Check> {
  const name = 'nothing is left behind'
  const all = place.open('')
  try {
    await all.removeAll()
    return { name, status: 'ok', found: 'holds' }
  } catch (error) {
    return { name, status: 'bad', found: describeError(error) }
  } finally {
    all.close()
  }
}

function placeOf(location: string | undefined, options: StorageOptions): Place {
  const scratch = `doctor-${randomHex(8)}`
  if (location?.startsWith('s3://') !== true) {
    const { dataDir } = loadConfig(
      options.dataDir === undefined ? {} : { dataDir: options.dataDir },
      process.env,
    )
    const folder = resolve(location ?? vaultsDirectory(dataDir))
    if (location !== undefined && !existsSync(folder))
      throw new CommandError(`Cannot try storage "${location}": there is no such directory`)
    return {
      name: folder,
      isBucket: false,
      open: (name) => new DiskBlobStore(join(folder, scratch, name)),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }
  }
  const { storage } = loadConfig(
    {
      storage: location,
      ...(options.endpoint !== undefined && { storageEndpoint: options.endpoint }),
      ...(options.region !== undefined && { storageRegion: options.region }),
      ...(options.credentialsFile !== undefined && { storageCredentialsFile: options.credentialsFile }),
    },
    process.env,
  )
  if (storage === undefined) throw new CommandError(`Cannot try storage "${location}"`)
  const settings = { ...storage.settings, ...readCredentials(storage.credentialsFile) }
  const host = new StorageHost()
  const prefix = `${settings.prefix}${scratch}/`
  return {
    name: `${settings.endpoint} ${location}`,
    isBucket: true,
    open: (name) => host.open({ ...settings, prefix: name === '' ? prefix : `${prefix}${name}/` }),
    [Symbol.asyncDispose]: () => host.close(),
  }
}
