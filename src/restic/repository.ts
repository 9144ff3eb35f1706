import { createHash, hkdfSync, randomBytes } from 'node:crypto'
import { mkdir, readdir } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'

import { ensureDirectory, syncDirectory, writeDurably } from './durable-file.ts'
import { randomPolynomial } from './polynomial.ts'
import { readRegular } from './regular-file.ts'
import type { ScryptCosts, SealKeys } from './sealing.ts'
import { keysFrom, keysFromPassword, SCRYPT_COSTS, seal, SealBrokenError, unseal } from './sealing.ts'

/**
 * A restic repository in a local directory: format version 2, and for reading also 1, which compresses nothing. Source: restic's
 * design document (doc/design.rst).
 *
 * | path | content |
 * |---|---|
 * | `config` | sealed JSON: version, id, chunker polynomial; written last, it makes the directory a repository |
 * | `keys/ID` | plain JSON: scrypt's costs and salt, and the master keys sealed under the password's |
 * | `data/xx/ID` | packs |
 * | `index/ID`, `snapshots/ID`, `locks/ID` | sealed: the byte 2 and zstd of JSON, or bare JSON |
 *
 * Every ID is the SHA-256 of the file's bytes, in hexadecimal.
 */

/** A repository that was opened. Copies of it may be used at once; nothing has to be closed. */
export interface Repository {
  readonly directory: string
  readonly id: string
  readonly version: 1 | 2
  readonly keys: SealKeys
  /** 256 numbers that chunk boundaries come from, secret so that sizes of chunks do not tell known files. */
  readonly gear: Uint32Array
}

/** A directory that is not the repository it was taken for, or a wrong password. */
export class RepositoryError extends Error {
  override name = 'RepositoryError'
}

const FOLDERS = ['data', 'index', 'keys', 'locks', 'snapshots'] as const
/** No more keys are tried: each costs 128 MiB and half a second. */
const MAX_KEYS = 16
const MAX_KEY_FILE_BYTES = 65_536
const MAX_CONFIG_BYTES = 65_536
/** A file of the index that is bigger, stored or unpacked, is refused. */
const MAX_UNPACKED_BYTES = 512 * 1024 * 1024
const COMPRESSED = 2
const MASTER_BYTES = 64
const ID = /^[0-9a-f]{64}$/

const sha256Hex = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

function repositoryOf(directory: string, id: string, version: 1 | 2, master: Uint8Array): Repository {
  const gear = hkdfSync('sha256', master, '', 'roleback restic export: chunk boundaries', 1024)
  return { directory, id, version, keys: keysFrom(master), gear: new Uint32Array(gear) }
}

/** @throws {RepositoryError} For what is no JSON. */
export function parseJson(what: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new RepositoryError(`${what} holds no JSON`, { cause })
  }
}

async function writeKey(
  directory: string,
  password: string,
  master: Buffer,
  costs: ScryptCosts,
): Promise<void> {
  const salt = randomBytes(64)
  const secrets = {
    mac: { k: master.toString('base64', 32, 48), r: master.toString('base64', 48, 64) },
    encrypt: master.toString('base64', 0, 32),
  }
  const data = seal(await keysFromPassword(password, salt, costs), Buffer.from(JSON.stringify(secrets)))
  const key = Buffer.from(
    JSON.stringify({
      created: new Date().toISOString(),
      username: 'roleback',
      hostname: hostname(),
      kdf: 'scrypt',
      ...costs,
      salt: salt.toString('base64'),
      data: data.toString('base64'),
    }),
  )
  await writeDurably(join(directory, 'keys'), sha256Hex(key), key)
}

/**
 * Makes a repository in a directory that is empty or not there yet (its parent must be).
 * @param costs Of guessing the password; tests take less than the default.
 * @throws {RepositoryError} When the directory holds anything, or the password is empty.
 */
export async function createRepository(
  directory: string,
  password: string,
  costs: ScryptCosts = SCRYPT_COSTS,
): Promise<Repository> {
  if (password === '')
    throw new RepositoryError(`making a restic repository in "${directory}" needs a password`)
  await ensureDirectory(directory)
  const found = await readdir(directory)
  if (found.length > 0) {
    throw new RepositoryError(
      `making a restic repository in "${directory}" was refused: it holds "${found[0]}"; ` +
        'name an empty directory, or open the repository to add a snapshot',
    )
  }
  for (const folder of FOLDERS) await mkdir(join(directory, folder), { mode: 0o700 })
  await syncDirectory(directory)
  const master = randomBytes(64)
  await writeKey(directory, password, master, costs)
  const id = randomBytes(32).toString('hex')
  const repository = repositoryOf(directory, id, 2, master)
  const config = { version: 2, id, chunker_polynomial: randomPolynomial().toString(16) }
  await writeDurably(directory, 'config', seal(repository.keys, Buffer.from(JSON.stringify(config))))
  return repository
}

/** The master keys that one key file gives under the password; undefined when the password is not its. */
async function masterFrom(path: string, password: string): Promise<Buffer | undefined> {
  const text = (await readRegular(path, MAX_KEY_FILE_BYTES)).toString()
  const key = parseJson(`"${path}"`, text) as Record<string, unknown>
  if (key['kdf'] !== 'scrypt') return undefined
  const costs = { N: Number(key['N']), r: Number(key['r']), p: Number(key['p']) }
  const keys = await keysFromPassword(password, Buffer.from(String(key['salt']), 'base64'), costs)
  try {
    const secrets = JSON.parse(unseal(keys, Buffer.from(String(key['data']), 'base64')).toString()) as {
      readonly mac: { readonly k: string; readonly r: string }
      readonly encrypt: string
    }
    const parts = [secrets.encrypt, secrets.mac.k, secrets.mac.r].map((part) => Buffer.from(part, 'base64'))
    const master = Buffer.concat(parts)
    return master.length === MASTER_BYTES ? master : undefined
  } catch (error) {
    if (error instanceof SealBrokenError) return undefined
    throw error
  }
}

/**
 * Opens a repository to add snapshots.
 * @throws {RepositoryError} When it is none, has another version, or no key of it opens under the password.
 */
export async function openRepository(directory: string, password: string): Promise<Repository> {
  const repository = await openToRead(directory, password)
  if (repository.version === 2) return repository
  throw new RepositoryError(
    `the restic repository in "${directory}" has format version 1, only 2 can be written; ` +
      'run `restic migrate upgrade_repo_v2` or name another directory',
  )
}

/**
 * Opens a repository of either version to read its snapshots.
 * @throws {RepositoryError} When it is none, has another version, or no key of it opens under the password.
 */
export async function openToRead(directory: string, password: string): Promise<Repository> {
  const sealedConfig = await readRegular(join(directory, 'config'), MAX_CONFIG_BYTES).catch(
    (cause: unknown) => {
      throw new RepositoryError(
        `opening the restic repository in "${directory}" failed: its config cannot be read. Name an empty directory or a repository of restic`,
        { cause },
      )
    },
  )
  for (const name of (await idsIn(directory, 'keys')).slice(0, MAX_KEYS)) {
    const master = await masterFrom(join(directory, 'keys', name), password)
    if (master === undefined) continue
    const text = unseal(keysFrom(master), sealedConfig).toString()
    const { version, id } = parseJson(`"${join(directory, 'config')}"`, text) as Record<string, unknown>
    if (version === 1 || version === 2) return repositoryOf(directory, String(id), version, master)
    throw new RepositoryError(
      `the restic repository in "${directory}" has format version ${String(version)}: 1 and 2 are known`,
    )
  }
  throw new RepositoryError(
    `opening the restic repository in "${directory}" failed: none of its keys opens under this password; check the password`,
  )
}

/** Names of the files in one folder that are ids, sorted. */
export async function idsIn(
  directory: string,
  folder: (typeof FOLDERS)[number] | `data/${string}`,
): Promise<readonly string[]> {
  const names = await readdir(join(directory, folder))
  return names.filter((name) => ID.test(name)).toSorted()
}

/** Seals JSON and writes it as a file of the folder; returns its id once it lasts. */
export async function saveSealed(
  repository: Repository,
  folder: 'index' | 'snapshots' | 'locks',
  json: string,
): Promise<string> {
  const plain =
    repository.version === 1
      ? Buffer.from(json)
      : Buffer.concat([Buffer.of(COMPRESSED), zstdCompressSync(json)])
  const sealed = seal(repository.keys, plain)
  const id = sha256Hex(sealed)
  await writeDurably(join(repository.directory, folder), id, sealed)
  return id
}

/**
 * The JSON of a sealed file.
 * @throws {SealBrokenError} When it was changed, or is another file than its name says.
 * @throws {RepositoryError} When it cannot be unpacked, or is too big.
 */
export async function loadSealed(
  repository: Repository,
  folder: 'index' | 'snapshots' | 'locks',
  id: string,
): Promise<unknown> {
  const path = join(repository.directory, folder, id)
  const file = await readRegular(path, MAX_UNPACKED_BYTES)
  if (sha256Hex(file) !== id) throw new SealBrokenError(`"${path}" is damaged: its SHA-256 is not its name`)
  const plain = unseal(repository.keys, file)
  return parseJson(`"${path}"`, (plain[0] === COMPRESSED ? unpack(path, plain) : plain).toString())
}

function unpack(path: string, plain: Uint8Array): Buffer {
  try {
    return zstdDecompressSync(plain.subarray(1), { maxOutputLength: MAX_UNPACKED_BYTES })
  } catch (cause) {
    throw new RepositoryError(`"${path}" cannot be unpacked`, { cause })
  }
}
