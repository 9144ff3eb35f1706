#!/usr/bin/env node
/* oxlint-disable max-lines -- one file that can be copied anywhere */
// Reads a Roleback vault with nothing but its files and the recovery kit: no server, no database, no other program, no network.
//
// Written from docs/vault-format.md alone, and not from the server's own code: what both get wrong in the same way, nobody would
// notice. It needs Node.js 22.15 or newer and no other file. A copy lies in every vault; the recovery kit says which SHA-256
// it must have. Numbers in comments (5, 8 ...) are sections of that document.
//
// Nothing that a vault holds is trusted: every byte is authenticated before it is used, every chunk is compared with its id, and
// no name in it can lead outside the directory that is being filled.

import * as crypto from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'
import * as zlib from 'node:zlib'
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual, parseArgs } from 'node:util'

const HELP = `Reads a Roleback backup vault without a server.

  node recover.mjs list    VAULT --kit recovery-kit.txt                 the recovery points in it
  node recover.mjs verify  VAULT --kit recovery-kit.txt                 reads and checks every byte, names all damage
  node recover.mjs restore VAULT POINT TARGET --kit recovery-kit.txt    restores one recovery point into a new directory
  node recover.mjs identity VAULT --kit recovery-kit.txt                users, roles, policies and plans of the server, as JSON
  node recover.mjs header  VAULT --kit recovery-kit.txt                 prints what belongs into vault.json, where that is lost

VAULT is the vault's directory (the one that vault.json lies in; copy a vault that lies in a bucket to a directory first).
Identities are in the system vault, whose directory is called system-…
POINT is an id from the list, or the ARN of a recovery point. TARGET must not exist.

  --kit FILE               the recovery kit
  --passphrase-file FILE   its passphrase; without this it is asked for
  --vault-id ID            the vault's id, where vault.json is lost or damaged and the directory is not called by it
  --json                   prints one JSON value instead of text
  --number N               of the identity export; the newest without it
  --secrets                prints passwords and keys with the identities, in base64

A file system comes back as a tree, with owners when run as root, and times to the microsecond; a database as NAME.dump (for pg_restore) and NAME.json;
a bucket as objects/ with manifest.jsonl, which has each object's own key and metadata.
Nothing in the vault is changed. While a server writes into it, or sweeps it, verify may name what is only under way.
Memory: about 60 bytes for each chunk in the vault (8 million chunks, about 1 TB: 0.5 GB) and 300 for each restored directory.

Exit codes: 0 all is well; 1 damage was found or something was not restored; 2 it could not begin
(arguments, kit, passphrase, no vault, no such point, target exists).
`

// ---------------------------------------------------------------------------------------------------------------- errors

/** The vault is not what it must be. `blob` is the name of section 1. */
export class Damage extends Error {
  name = 'Damage'
  constructor(blob, reason) {
    super(`${blob}: ${reason}`)
    this.blob = blob
    this.reason = reason
  }
}

class NewerVersion extends Damage {}

/** The command cannot begin: exit code 2. */
export class CannotBegin extends Error {
  name = 'CannotBegin'
}

/** Of a folder that may be no vault at all. */
class Unreadable extends CannotBegin {
  constructor(directory, cause) {
    const why = cause.code ?? cause.message
    super(`"${printable(directory)}" is no vault: vault.json cannot be read (${why})`)
    this.blob = 'vault.json'
    this.reason = `it cannot be read (${why})`
  }
}

/** An item that cannot be restored as it is; the others can. */
class ItemProblem extends Error {
  name = 'ItemProblem'
}

/** Text that no terminal obeys and no line ends in. */
function printable(text) {
  return String(text).replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu,
    (c) => `\\u{${c.codePointAt(0).toString(16)}}`,
  )
}

/** Bytes for people: UTF-8 where they are, else every byte above ASCII as \xNN; the middle of long ones is left out. */
function printableBytes(bytes) {
  if (bytes.length > 400)
    return `${printableBytes(bytes.subarray(0, 150))}...${printableBytes(bytes.subarray(-150))}`
  const text = utf8(bytes)
  if (text !== undefined) return printable(text)
  return printable(Buffer.from(bytes).toString('latin1')).replace(
    /[\x80-\xff]/g,
    (c) => `\\x${c.charCodeAt(0).toString(16)}`,
  )
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function utf8(bytes) {
  try {
    return strictUtf8.decode(bytes)
  } catch {
    return undefined
  }
}

function parseJson(bytes, blob) {
  const text = utf8(bytes)
  let value
  try {
    value = JSON.parse(text)
  } catch {
    throw new Damage(blob, 'it is not JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Damage(blob, 'it is no JSON object')
  return value
}

// ----------------------------------------------------------------------------------------------- cryptography (2, 3, 4, 6)

const hkdf = (ikm, salt, info) => Buffer.from(crypto.hkdfSync('sha256', ikm, salt, info, 32))
const sha256 = (bytes) => crypto.createHash('sha256').update(bytes).digest()

/** Opens ciphertext with its tag; undefined where the seal is broken. */
function openSealed(key, nonce, additional, sealed) {
  if (sealed.length < 16) return undefined
  const decipher = crypto.createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 })
  decipher.setAAD(additional)
  decipher.setAuthTag(sealed.subarray(sealed.length - 16))
  const plain = decipher.update(sealed.subarray(0, sealed.length - 16))
  try {
    decipher.final()
  } catch {
    return undefined
  }
  return plain
}

/** One zstd frame of exactly `length` bytes; undefined where it is not that. */
function inflate(frame, length) {
  try {
    const { buffer, engine } = zlib.zstdDecompressSync(frame, {
      maxOutputLength: Math.max(length, 1),
      info: true,
    })
    return buffer.length === length && engine.bytesWritten === frame.length ? buffer : undefined
  } catch {
    return undefined
  }
}

function u16(value) {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16LE(value)
  return bytes
}

function u32(value) {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function u64(value) {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

const X25519_PRIVATE = Buffer.from('302e020100300506032b656e04220420', 'hex')
const X25519_PUBLIC = Buffer.from('302a300506032b656e032100', 'hex')

function privateKeyOf(raw) {
  return crypto.createPrivateKey({ key: Buffer.concat([X25519_PRIVATE, raw]), format: 'der', type: 'pkcs8' })
}

function publicKeyOf(raw) {
  return crypto.createPublicKey({ key: Buffer.concat([X25519_PUBLIC, raw]), format: 'der', type: 'spki' })
}

const publicHalf = (key) =>
  crypto.createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(X25519_PUBLIC.length)

/** Base64 of exactly `length` bytes, written as everybody writes it. */
function base64(text, length) {
  if (typeof text !== 'string') return undefined
  const bytes = Buffer.from(text, 'base64')
  return bytes.length === length && bytes.toString('base64') === text ? bytes : undefined
}

// -------------------------------------------------------------------------------------------------------- recovery kit (4)

/** Reads the text of a recovery kit without opening it. */
export function parseKit(text) {
  const lines = text.split(/\r?\n/)
  const begin = lines.findIndex((line) => line.trim() === '-----BEGIN ROLEBACK RECOVERY KIT-----')
  const end = lines.findIndex(
    (line, at) => at > begin && line.trim() === '-----END ROLEBACK RECOVERY KIT-----',
  )
  const refuse = (why) => {
    throw new CannotBegin(`The recovery kit cannot be read: ${why}. Is the file whole?`)
  }
  if (begin < 0 || end < 0) refuse('it has no lines BEGIN and END ROLEBACK RECOVERY KIT')
  let kit
  try {
    kit = JSON.parse(lines.slice(begin + 1, end).join('\n'))
  } catch {
    refuse('what stands between its BEGIN and END lines is not JSON')
  }
  if (typeof kit !== 'object' || kit === null) refuse('it is no JSON object')
  if (kit.version !== 1)
    refuse(`it has version ${JSON.stringify(kit.version)}, and this program reads version 1`)
  const publicKey = base64(kit.publicKey, 32) ?? refuse('publicKey is not base64 of 32 bytes')
  const nonce = base64(kit.nonce, 12) ?? refuse('nonce is not base64 of 12 bytes')
  const sealed = base64(kit.sealed, 48) ?? refuse('sealed is not base64 of 48 bytes')
  const salt = base64(kit.scrypt?.salt, 16) ?? refuse('scrypt.salt is not base64 of 16 bytes')
  const { N, r, p } = kit.scrypt
  const isCost = (value, most) => Number.isInteger(value) && value >= 1 && value <= most
  if (!isCost(N, 2 ** 20) || N < 2 || (N & (N - 1)) !== 0 || !isCost(r, 32) || !isCost(p, 16)) {
    refuse(`its scrypt settings N=${N}, r=${r}, p=${p} are outside of what is allowed`)
  }
  const kitId = sha256(publicKey).subarray(0, 8).toString('hex')
  if (kit.kitId !== kitId) refuse(`its kitId is not that of its public key (${kitId})`)
  const recoverSha256 = kit.recoverSha256 ?? undefined
  if (recoverSha256 !== undefined && !/^[0-9a-f]{64}$/.test(recoverSha256))
    refuse('recoverSha256 is no SHA-256')
  const identitySigners = kit.identitySigners ?? []
  const isSigner = (text) => base64(text, 32) !== undefined
  if (!Array.isArray(identitySigners) || identitySigners.length > 100 || !identitySigners.every(isSigner))
    refuse('identitySigners is no list of public keys')
  const identityMac = base64(kit.identityMac, 32)
  return {
    kitId,
    publicKey,
    nonce,
    sealed,
    scrypt: { N, r, p, salt },
    recoverSha256,
    identitySigners,
    identityMac,
  }
}

/** Opens a kit; the result opens vaults. */
export function openKit(kit, passphrase) {
  const { N, r, p, salt } = kit.scrypt
  const text = Buffer.from(passphrase.normalize('NFKC').trim(), 'utf8')
  const key = crypto.scryptSync(text, salt, 32, { N, r, p, maxmem: 128 * r * (N + p) + 64 * 1024 * 1024 })
  const additional = Buffer.concat([Buffer.from('roleback-kit/1'), kit.publicKey])
  const raw = openSealed(key, kit.nonce, additional, kit.sealed)
  if (raw === undefined) {
    throw new CannotBegin(
      `The passphrase does not open recovery kit ${kit.kitId}: it is another kit's, or it was mistyped, or the kit file was changed`,
    )
  }
  const privateKey = privateKeyOf(raw)
  if (!publicHalf(privateKey).equals(kit.publicKey)) {
    throw new CannotBegin(`The keys in recovery kit ${kit.kitId} do not belong together`)
  }
  if (kit.identitySigners.length > 0) {
    const macKey = hkdf(raw, '', 'roleback-kit/1/identity')
    const mac = crypto.createHmac('sha256', macKey).update(kit.identitySigners.join('\n')).digest()
    if (kit.identityMac === undefined || !crypto.timingSafeEqual(mac, kit.identityMac))
      throw new CannotBegin(
        `Recovery kit ${kit.kitId} was changed: whose identity exports it believes is not what it was made with`,
      )
  }
  return { ...kit, privateKey }
}

// ------------------------------------------------------------------------------------------------ the vault's blobs (1, 3, 4)

const T = { data: 1, meta: 2, index: 3, head: 4, amendment: 5, deleted: 6, dead: 7, record: 8, identity: 9 }
const LABELS = [
  undefined,
  'data',
  'meta',
  'index',
  'head',
  'amendment',
  'deleted',
  'dead',
  'record',
  'identity',
]
const MiB = 1024 * 1024
const MAX_PAYLOAD = 64 * MiB
const MAX_RAW = 8 * MiB
const CACHE_BYTES = 64 * MiB
/** Vault keys that one vault may have had. */
const MAX_KEYS = 99

/**
 * Opens the header and the vault key. Where the header is lost or damaged, the vault's id is the one given, else what the folder is called:
 * a wrapping opens with the right one only, and nothing else of the header is needed. Its damage is named then.
 */
export function openVault(directory, kit, givenId) {
  const readSmall = (name) => {
    const file = path.join(directory, name)
    if (fs.statSync(file).size > MiB) throw new Damage(name, 'it is far too long')
    return fs.readFileSync(file)
  }
  const { said, line, mac, problem } = readHeader(directory, readSmall)
  if (problem instanceof NewerVersion && givenId === undefined) throw problem

  const name = wrappingName(kit, 1)
  const readWrapping = (wrapping) => {
    try {
      return readSmall(wrapping)
    } catch (error) {
      if (error instanceof Damage) throw error
      if (error.code !== 'ENOENT') throw new Damage(wrapping, `it cannot be read (${error.code})`)
    }
  }
  const bytes = readWrapping(name)
  if (bytes === undefined) {
    const others = list(directory, 'keys').flatMap(
      (file) => /^kit-([0-9a-f]{16})\.json$/.exec(file)?.[1] ?? [],
    )
    if (others.length === 0 && problem !== undefined) throw problem
    throw new CannotBegin(
      `Recovery kit ${kit.kitId} does not open this vault: ${name} is not there. ` +
        (others.length === 0
          ? 'No recovery kit does'
          : `The vault is opened by recovery kit ${others.join(' or ')}`),
    )
  }
  const { vaultId, key } = openFirstKey(parseJson(bytes, name), name, kit, {
    ids: [givenId ?? said, path.basename(path.resolve(directory))],
    problem,
  })
  const keys = [undefined, key]
  const keyDamage = openFurtherKeys(keys, readWrapping, kit, vaultId)
  const salt = Buffer.from(vaultId)
  const keyOf = (label, number = 1) => hkdf(keys[number], salt, `roleback-vault/1/${label}`)
  const check = crypto.createHmac('sha256', keyOf('header')).update(line).digest('hex')
  const headerDamage =
    problem === undefined && check !== mac
      ? new Damage('vault.json', 'it was changed: its checksum under the vault key is wrong')
      : problem &&
        new Damage('vault.json', `${problem.reason}; the vault was opened as "${vaultId}" without it`)
  return {
    directory,
    id: vaultId,
    kit,
    keyDamage,
    /** As the writer makes it; its sizes are those that it has always had. */
    headerText: () => {
      const chunk = { min: 32 * 1024, average: 128 * 1024, max: 512 * 1024 }
      const text = JSON.stringify({ format: 'roleback-vault', version: 1, vaultId, chunk })
      return `${text}\n${crypto.createHmac('sha256', keyOf('header')).update(text).digest('hex')}\n`
    },
    openDamage: [headerDamage, keyDamage].filter((damage) => damage !== undefined),
    typeKeys: keys.map((key, number) => key && LABELS.map((label) => label && keyOf(label, number))),
    idKeys: [undefined, keyOf('data-id'), keyOf('meta-id')],
    places: LABELS.map((_, type) =>
      Buffer.concat([Buffer.from('RLBK1'), Buffer.from([salt.length]), salt, Buffer.from([type])]),
    ),
    packs: new Map(),
    segments: [],
    chunks: [undefined, new ChunkTable(), new ChunkTable()],
    cache: new Map(),
    cachedBytes: 0,
  }
}

/** What the header says, or what is wrong with it. */
function readHeader(directory, readSmall) {
  const broken = (problem) => ({ line: Buffer.alloc(0), problem })
  try {
    const header = readSmall('vault.json')
    const end = header.indexOf(10)
    const line = header.subarray(0, Math.max(end, 0))
    if (end < 0 || !/^[0-9a-f]{64}\n$/.test(header.subarray(end + 1).toString('latin1')))
      return broken(new Damage('vault.json', 'it is not a line of JSON and a line with a checksum'))
    const { format, version, vaultId } = parseJson(line, 'vault.json')
    if (format !== 'roleback-vault' || version !== 1) {
      return broken(
        new NewerVersion(
          'vault.json',
          `it is of format ${printable(JSON.stringify(format))}, version ${printable(JSON.stringify(version))}; this program reads "roleback-vault", version 1`,
        ),
      )
    }
    if (!isVaultId(vaultId)) return broken(new Damage('vault.json', 'its vaultId is none'))
    return { said: vaultId, line, mac: header.toString('latin1', end + 1, end + 65) }
  } catch (error) {
    if (error instanceof Damage) return broken(error)
    return broken(new Unreadable(directory, error))
  }
}

const isVaultId = (id) => typeof id === 'string' && /^[A-Za-z0-9-]{1,64}$/.test(id)

/** The first key, under the first of the ids that its wrapping opens with. */
function openFirstKey(wrapping, name, kit, { ids, problem }) {
  let first
  for (const vaultId of ids) {
    if (!isVaultId(vaultId)) continue
    try {
      return { vaultId, key: unwrap(wrapping, name, kit, vaultId, 1) }
    } catch (error) {
      if (!(error instanceof Damage)) throw error
      first ??= error
    }
  }
  const { blob, reason } = problem ?? first
  throw new Damage(
    blob,
    `${reason}. Give the vault's id with --vault-id: it is what the server calls the vault's folder. A copy of vault.json lies in the vault's cold storage, where it has one`,
  )
}

/**
 * Adds the keys behind the first, each shown by its mac to be made by who had the one before it. What ends them, a planted or damaged
 * wrapping, is returned: what the keys before it sealed is readable all the same.
 */
function openFurtherKeys(keys, readWrapping, kit, vaultId) {
  for (let number = 2; number <= MAX_KEYS; number++) {
    const name = wrappingName(kit, number)
    try {
      const bytes = readWrapping(name)
      if (bytes === undefined) return undefined
      const wrapping = parseJson(bytes, name)
      const key = unwrap(wrapping, name, kit, vaultId, number)
      const macKey = hkdf(keys[number - 1], vaultId, 'roleback-vault/1/successor')
      const bound = `${fourDigits(number)}\0${vaultId}\0`
      const mac = crypto.createHmac('sha256', macKey).update(bound).update(key).digest()
      const said = base64(wrapping.mac, 32)
      if (said === undefined || !crypto.timingSafeEqual(said, mac)) {
        throw new Damage(
          name,
          `its mac does not show that who made vault key ${number} had key ${number - 1}: it may have been planted, and is not used`,
        )
      }
      keys.push(key)
    } catch (error) {
      if (!(error instanceof Damage)) throw error
      return error
    }
  }
  return undefined
}

const fourDigits = (number) => String(number).padStart(4, '0')
const wrappingName = ({ kitId }, number) =>
  number === 1 ? `keys/kit-${kitId}.json` : `keys/kit-${kitId}-${fourDigits(number)}.json`

/** The type key of the vault key with this number. */
function typeKeyOf(vault, type, number, blob) {
  const ofKey = vault.typeKeys[number]
  if (ofKey !== undefined) return ofKey[type]
  throw new Damage(
    blob,
    `it is sealed under vault key ${number}, and recovery kit ${vault.kit.kitId} opens keys up to ${vault.typeKeys.length - 1} here: ` +
      (vault.keyDamage === undefined
        ? 'take the kit that was issued last'
        : `${vault.keyDamage.blob} is not usable`),
  )
}

function unwrap({ wrapping, version, kitId, ephemeral, sealed }, name, kit, vaultId, number) {
  if (wrapping !== 'kit' || version !== 1 || kitId !== kit.kitId) {
    throw new Damage(name, `it is no wrapping of version 1 for recovery kit ${kit.kitId}`)
  }
  const theirs = base64(ephemeral, 32)
  const box = base64(sealed, 48)
  if (theirs === undefined || box === undefined)
    throw new Damage(name, 'its ephemeral or sealed is not base64 of the right length')
  let shared
  try {
    shared = crypto.diffieHellman({ privateKey: kit.privateKey, publicKey: publicKeyOf(theirs) })
  } catch {
    shared = Buffer.alloc(32)
  }
  if (shared.every((byte) => byte === 0)) throw new Damage(name, 'its ephemeral key is not usable')
  const info = 'roleback-vault/1/kit-wrap'
  const wrapKey = hkdf(shared, Buffer.concat([theirs, kit.publicKey]), info)
  const bound = `${info}\0${kit.kitId}\0${vaultId}${number === 1 ? '' : `\0${fourDigits(number)}`}`
  const key = openSealed(wrapKey, Buffer.alloc(12), Buffer.from(bound), box)
  if (key === undefined) {
    throw new Damage(
      name,
      'it does not open: it, or the vaultId in vault.json, was changed or is of another vault',
    )
  }
  return key
}

/** Names in a folder of the vault, sorted; none where it is absent. */
function list(directory, folder) {
  try {
    return fs.readdirSync(path.join(directory, folder)).sort()
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return []
    throw error
  }
}

/** Names in a folder of which the blob or its twin (20) is there. */
function listEither(directory, folder) {
  const names = new Set([...list(directory, folder), ...list(directory, twinOf(folder))])
  return [...names].toSorted((one, other) => (one < other ? -1 : 1))
}

const twinOf = (name) => `twins/${name}`

/** Reads exactly `length` bytes at `position`. */
function readAt(fd, length, position, blob) {
  const bytes = Buffer.allocUnsafe(length)
  for (let done = 0; done < length;) {
    const count = fs.readSync(fd, bytes, done, length - done, position + done)
    if (count === 0)
      throw new Damage(blob, `it ends at byte ${position + done}, but goes on to byte ${position + length}`)
    done += count
  }
  return bytes
}

/** Calls `use` with a descriptor of the blob and its size. */
function withBlob(vault, name, use) {
  let fd
  try {
    fd = fs.openSync(path.join(vault.directory, name), 'r')
  } catch (error) {
    throw new Damage(name, error.code === 'ENOENT' ? 'it is missing' : `it cannot be opened (${error.code})`)
  }
  try {
    const stat = fs.fstatSync(fd)
    if (!stat.isFile()) throw new Damage(name, 'it is no file')
    return use(fd, stat.size)
  } catch (error) {
    if (error.code !== undefined && error.syscall !== undefined)
      throw new Damage(name, `it cannot be read (${error.code})`)
    throw error
  } finally {
    fs.closeSync(fd)
  }
}

/** Cuts bytes into fields; everything that is too short or too long is damage of `blob`. */
class Fields {
  constructor(bytes, blob) {
    this.bytes = bytes
    this.blob = blob
    this.at = 0
  }
  get isAtEnd() {
    return this.at === this.bytes.length
  }
  take(length) {
    if (length > this.bytes.length - this.at) throw new Damage(this.blob, 'its content ends too early')
    this.at += length
    return this.bytes.subarray(this.at - length, this.at)
  }
  u8() {
    return this.take(1)[0]
  }
  u16() {
    return this.take(2).readUInt16LE()
  }
  u32() {
    return this.take(4).readUInt32LE()
  }
  u64() {
    const value = this.take(8).readBigUInt64LE()
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Damage(this.blob, 'a number in it is too big')
    return Number(value)
  }
  varint() {
    let value = 0
    for (let factor = 1, n = 0; n < 8; factor *= 128, n++) {
      const byte = this.u8()
      value += (byte & 0x7f) * factor
      if (value > Number.MAX_SAFE_INTEGER) break
      if (byte < 0x80) return value
    }
    throw new Damage(this.blob, 'a number in it is too big')
  }
  end() {
    if (!this.isAtEnd)
      throw new Damage(this.blob, `${this.bytes.length - this.at} bytes follow where its content should end`)
  }
}

/** What a document (6) says, or where it is gone or damaged what its twin says (20). */
function openEither(vault, type, name) {
  try {
    return openDocument(vault, type, name)
  } catch (error) {
    if (!(error instanceof Damage)) throw error
    try {
      return openDocument(vault, type, name, twinOf(name))
    } catch (twinError) {
      if (!(twinError instanceof Damage)) throw twinError
      throw error
    }
  }
}

/** Of two twins, whether one is damaged while the other opens. Where neither does, who reads them says so. */
function verifyTwins(vault, type, name, report) {
  const seedOf = (at) => {
    try {
      return openDocument(vault, type, name, at).seed
    } catch (error) {
      if (!(error instanceof Damage)) throw error
      return error
    }
  }
  const [first, twin] = [seedOf(name), seedOf(twinOf(name))]
  if (first instanceof Damage) {
    if (!(twin instanceof Damage)) report(first)
  } else if (twin instanceof Damage) {
    // Vaults of before there were twins have none.
    if (fs.existsSync(path.join(vault.directory, twinOf(name)))) report(twin)
  } else if (!first.equals(twin)) report(new Damage(twinOf(name), `it is not the same as ${name}`))
}

/** Opens a document (6); gives its seed and payload. @param at Where it lies, if not under the name that it is sealed for. */
function openDocument(vault, type, sealedName, name = sealedName) {
  return withBlob(vault, name, (fd, size) => {
    if (size < 8 + 1 + 32 + 16 + 9 + 32) throw new Damage(name, `it has only ${size} bytes`)
    if (size > MAX_PAYLOAD + MiB) throw new Damage(name, `it is too long (${size} bytes)`)
    const bytes = readAt(fd, size, 0, name)
    const body = bytes.subarray(0, size - 32)
    if (!sha256(body).equals(bytes.subarray(size - 32)))
      throw new Damage(name, 'its SHA-256 is wrong: bytes of it have changed')
    const number = body[7] - 0x30
    const isDocument =
      body.subarray(0, 7).toString('latin1') === 'RLBKDOC' && number >= 1 && number <= MAX_KEYS
    if (!isDocument || body[8] !== type) throw new Damage(name, `it is no document of type ${type}`)
    const seed = body.subarray(9, 41)
    const nameBytes = Buffer.from(sealedName)
    const additional = Buffer.concat([
      vault.places[type],
      Buffer.from('D'),
      seed,
      u16(nameBytes.length),
      nameBytes,
    ])
    const key = hkdf(typeKeyOf(vault, type, number, name), seed, 'roleback-vault/1/document')
    const plain = openSealed(key, Buffer.alloc(12), additional, body.subarray(41))
    if (plain === undefined)
      throw new Damage(name, 'its seal is broken: it was changed, moved, or is of another vault')
    const fields = new Fields(plain, name)
    const coding = fields.u8()
    const length = fields.u64()
    const rest = fields.take(plain.length - fields.at)
    if (coding > 1 || length > MAX_PAYLOAD)
      throw new Damage(name, `it has coding ${coding} and ${length} bytes`)
    const payload = coding === 1 ? inflate(rest, length) : rest
    if (payload === undefined || payload.length !== length)
      throw new Damage(name, `it does not hold ${length} bytes as it says`)
    return { seed, payload }
  })
}

// ----------------------------------------------------------------------------------------------------- packs and chunks (5)

const ROW = 44
const ROWS_A_PAGE = 1 << 14

/** All places of all chunks of one type: rows of 32 bytes id, u32 segment, u32 offset in it, u32 length, and a hash table of them. */
class ChunkTable {
  pages = []
  count = 0
  slots = new Uint32Array(1 << 12)

  add(id, segment, offset, length) {
    if (this.count * 2 >= this.slots.length) this.#grow()
    const row = this.count++
    if (row % ROWS_A_PAGE === 0) this.pages.push(Buffer.allocUnsafeSlow(ROW * ROWS_A_PAGE))
    const page = this.pages[Math.floor(row / ROWS_A_PAGE)]
    let at = (row % ROWS_A_PAGE) * ROW
    id.copy(page, at)
    at = page.writeUInt32LE(segment, at + 32)
    at = page.writeUInt32LE(offset, at)
    page.writeUInt32LE(length, at)
    this.#place(row, id.readUInt32LE())
  }

  /** Every place of `id`. */
  find(id) {
    const found = []
    const mask = this.slots.length - 1
    for (let slot = id.readUInt32LE() & mask; this.slots[slot] !== 0; slot = (slot + 1) & mask) {
      const place = this.get(this.slots[slot] - 1)
      if (id.equals(place.id)) found.push(place)
    }
    return found
  }

  get(row) {
    const page = this.pages[Math.floor(row / ROWS_A_PAGE)]
    const at = (row % ROWS_A_PAGE) * ROW
    return {
      id: page.subarray(at, at + 32),
      segment: page.readUInt32LE(at + 32),
      offset: page.readUInt32LE(at + 36),
      length: page.readUInt32LE(at + 40),
    }
  }

  #place(row, hash) {
    const mask = this.slots.length - 1
    let slot = hash & mask
    while (this.slots[slot] !== 0) slot = (slot + 1) & mask
    this.slots[slot] = row + 1
  }

  #grow() {
    this.slots = new Uint32Array(this.slots.length * 2)
    for (let row = 0; row < this.count; row++) {
      this.#place(row, this.pages[Math.floor(row / ROWS_A_PAGE)].readUInt32LE((row % ROWS_A_PAGE) * ROW))
    }
  }
}

const TRAILER_BYTES = 16

/** Names of all packs in the vault, with their types. */
function listPacks(vault) {
  const packs = []
  for (const type of [T.data, T.meta]) {
    for (const folder of list(vault.directory, LABELS[type])) {
      if (!/^[0-9a-f]{2}$/.test(folder)) continue
      for (const id of list(vault.directory, `${LABELS[type]}/${folder}`)) {
        if (/^[0-9a-f]{64}$/.test(id) && id.startsWith(folder))
          packs.push({ type, id, name: packName(type, id) })
      }
    }
  }
  return packs
}

const packName = (type, id) => `${LABELS[type]}/${id.slice(0, 2)}/${id}`

/** Reads seed and directory at a pack's end; gives the directory's plain bytes. */
function readOwnDirectory(vault, pack) {
  return withBlob(vault, pack.name, (fd, size) => {
    if (size >= 2 ** 32 || size < 32 + TRAILER_BYTES) throw new Damage(pack.name, `no pack has ${size} bytes`)
    const trailer = readAt(fd, TRAILER_BYTES, size - TRAILER_BYTES, pack.name)
    const keyNumber = parseTrailer(trailer, pack)
    const length = trailer.readUInt32LE()
    const at = size - TRAILER_BYTES - length
    if (length < 16 || at < 32) throw new Damage(pack.name, `its directory cannot have ${length} bytes`)
    setPackKey(vault, pack, readAt(fd, 32, 0, pack.name), keyNumber)
    const sealed = readAt(fd, length, at, pack.name)
    const additional = Buffer.concat([
      vault.places[pack.type],
      Buffer.from('T'),
      pack.seed,
      u64(at),
      u32(length - 16),
    ])
    const plain = openSealed(pack.key, Buffer.alloc(12, 0xff), additional, sealed)
    if (plain === undefined)
      throw new Damage(
        pack.name,
        'the seal of its directory is broken: it was changed or is of another vault',
      )
    return { plain, size, end: at }
  })
}

/** The number of the vault key that stands at a pack's end. */
function parseTrailer(trailer, pack) {
  const number = Number(/^RLBKPACK(\d{4})$/.exec(trailer.subarray(4).toString('latin1'))?.[1] ?? 0)
  if (number < 1 || number > MAX_KEYS)
    throw new Damage(pack.name, 'it does not end as packs do: it was cut off or changed')
  return number
}

function setPackKey(vault, pack, seed, keyNumber) {
  pack.seed = seed
  pack.key = hkdf(typeKeyOf(vault, pack.type, keyNumber, pack.name), seed, 'roleback-vault/1/pack')
}

/** Where the end of a pack is damaged, the seal of its first segment tells which vault key it is sealed under. */
function findPackKey(vault, pack, plain) {
  const seed = withBlob(vault, pack.name, (fd) => readAt(fd, 32, 0, pack.name))
  const fields = new Fields(plain, pack.name)
  fields.u32()
  const sealed = fields.u32()
  const first = { pack, number: 0, offset: 32, raw: fields.u32(), flags: fields.u8() }
  for (let number = vault.typeKeys.length - 1; number >= 1; number--) {
    setPackKey(vault, pack, seed, number)
    if (number === 1) return
    try {
      openSegmentBytes(
        vault,
        first,
        withBlob(vault, pack.name, (fd) => readAt(fd, sealed, 32, pack.name)),
      )
      return
    } catch (error) {
      if (!(error instanceof Damage)) throw error
    }
  }
}

/** Enters the segments and chunks that a directory lists. Nothing is entered where it is not as it must be. */
function enterDirectory(vault, pack, plain, end, blob) {
  const fields = new Fields(plain, blob)
  const segments = []
  const chunks = []
  let offset = 32
  const count = fields.u32()
  if (count === 0) throw new Damage(blob, 'its directory lists no segment')
  for (let number = 0; number < count; number++) {
    const sealed = fields.u32()
    const raw = fields.u32()
    const flags = fields.u8()
    const chunkCount = fields.u32()
    if (raw === 0 || raw > MAX_RAW || flags > 1 || chunkCount === 0 || sealed <= 16) {
      throw new Damage(blob, `its directory lists segment ${number} with impossible numbers`)
    }
    let within = 0
    for (let n = 0; n < chunkCount; n++) {
      const id = fields.take(32)
      const length = fields.u32()
      if (length === 0) throw new Damage(blob, `its directory lists an empty chunk in segment ${number}`)
      chunks.push([id, vault.segments.length + number, within, length])
      within += length
    }
    if (within !== raw)
      throw new Damage(blob, `the chunks of segment ${number} have ${within} bytes, not ${raw}`)
    segments.push({ pack, number, offset, sealed, raw, flags, chunks: chunkCount, bad: undefined })
    offset += sealed
  }
  fields.end()
  if (offset !== end)
    throw new Damage(blob, `its segments end at byte ${offset}, not where its directory begins (${end})`)
  pack.firstChunk = vault.chunks[pack.type].count
  pack.chunkCount = chunks.length
  for (const segment of segments) vault.segments.push(segment)
  for (const [id, segment, at, length] of chunks) vault.chunks[pack.type].add(id, segment, at, length)
}

/**
 * Learns where all chunks are. Each pack says so itself; where the end of one is damaged, the index says it too, and its
 * segments may well be whole.
 */
function loadPacks(vault, onDamage) {
  let index
  for (const pack of listPacks(vault)) {
    vault.packs.set(pack.name, pack)
    try {
      const { plain, size, end } = readOwnDirectory(vault, pack)
      enterDirectory(vault, pack, plain, end, pack.name)
      pack.size = size
      pack.directoryHash = sha256(plain)
    } catch (error) {
      if (!(error instanceof Damage)) throw error
      onDamage(error)
      pack.isDamaged = true
      index ??= readIndex(vault, () => {})
      const entry = index.packs.get(pack.name)
      if (entry === undefined) continue
      try {
        const plain = entry.directoryIn(vault)
        findPackKey(vault, pack, plain)
        enterDirectory(vault, pack, plain, entry.size - TRAILER_BYTES - 16 - plain.length, entry.delta)
      } catch (again) {
        if (!(again instanceof Damage)) throw again
      }
    }
  }
}

/** The raw bytes of a segment, authenticated. */
function openSegment(vault, at) {
  const segment = vault.segments[at]
  if (segment.bad !== undefined) throw new Damage(segment.pack.name, segment.bad)
  const cached = vault.cache.get(at)
  if (cached !== undefined) {
    vault.cache.delete(at)
    vault.cache.set(at, cached)
    return cached
  }
  try {
    const { pack, sealed, offset } = segment
    const bytes = withBlob(vault, pack.name, (fd) => readAt(fd, sealed, offset, pack.name))
    const raw = openSegmentBytes(vault, segment, bytes)
    vault.cache.set(at, raw)
    vault.cachedBytes += raw.length
    for (const [oldest, { length }] of vault.cache) {
      if (vault.cachedBytes <= CACHE_BYTES) break
      vault.cache.delete(oldest)
      vault.cachedBytes -= length
    }
    return raw
  } catch (error) {
    if (error instanceof Damage) segment.bad = error.reason
    throw error
  }
}

function openSegmentBytes(vault, { pack, number, offset, raw, flags }, bytes) {
  const nonce = Buffer.concat([u64(number), Buffer.alloc(4)])
  const additional = Buffer.concat([
    vault.places[pack.type],
    Buffer.from('S'),
    pack.seed,
    u64(offset),
    u32(raw),
    Buffer.from([flags]),
  ])
  const where = `segment ${number} (bytes ${offset} to ${offset + bytes.length})`
  const plain = openSealed(pack.key, nonce, additional, bytes)
  if (plain === undefined)
    throw new Damage(pack.name, `the seal of ${where} is broken: bytes of it have changed`)
  const content = flags === 1 ? inflate(plain, raw) : plain
  if (content === undefined || content.length !== raw)
    throw new Damage(pack.name, `${where} does not hold ${raw} bytes as it should`)
  return content
}

function isChunk(vault, type, id, bytes) {
  return crypto.createHash('sha256').update(vault.idKeys[type]).update(bytes).digest().equals(id)
}

/** The bytes of a chunk, from whichever of its copies is whole. They are valid until the next call. */
function readChunk(vault, type, id, fallbackBlob) {
  const places = vault.chunks[type].find(id)
  const what = type === T.data ? 'chunk' : 'manifest node'
  if (places.length === 0) {
    throw new Damage(
      fallbackBlob,
      `${what} ${id.toString('hex')} lies in no pack that is here and readable: a pack is missing or damaged`,
    )
  }
  let first
  for (const { segment, offset, length } of places) {
    try {
      const bytes = openSegment(vault, segment).subarray(offset, offset + length)
      if (isChunk(vault, type, id, bytes)) return bytes
      throw new Damage(
        vault.segments[segment].pack.name,
        `the bytes of ${what} ${id.toString('hex')} do not have this id`,
      )
    } catch (error) {
      if (!(error instanceof Damage)) throw error
      first ??= error
    }
  }
  throw first
}

// --------------------------------------------------------------------------------------------------------------- index (7)

/** Reads all index deltas; gives the union of those that are not replaced, by name of pack. */
function readIndex(vault, onDamage) {
  const deltas = new Map()
  const replaced = new Set()
  let damaged = 0
  for (const seed of list(vault.directory, 'index')) {
    if (!/^[0-9a-f]{64}$/.test(seed)) continue
    const name = `index/${seed}`
    try {
      const { replaces, packs } = readDelta(vault, name)
      for (const other of replaces) replaced.add(other)
      deltas.set(seed, packs)
    } catch (error) {
      if (!(error instanceof Damage)) throw error
      damaged++
      onDamage(error)
    }
  }
  const packs = new Map()
  for (const [seed, entries] of deltas) {
    if (replaced.has(seed)) continue
    for (const entry of entries) packs.set(entry.name, entry)
  }
  return { packs, deltas: deltas.size + damaged }
}

function readDelta(vault, name) {
  const { seed, payload } = openDocument(vault, T.index, name)
  if (name !== `index/${seed.toString('hex')}`) throw new Damage(name, 'its name is not that of its seed')
  const fields = new Fields(payload, name)
  const version = fields.u8()
  if (version !== 1) throw new Damage(name, `it has version ${version}`)
  const replaces = []
  for (let left = fields.u32(); left > 0; left--) replaces.push(fields.take(32).toString('hex'))
  const packs = []
  for (let left = fields.u32(); left > 0; left--) {
    const type = fields.u8()
    if (type !== T.data && type !== T.meta) throw new Damage(name, `it names a pack of type ${type}`)
    const id = fields.take(32).toString('hex')
    const size = fields.u32()
    const length = fields.u32()
    const at = fields.at
    const directoryHash = sha256(fields.take(length))
    packs.push({
      name: packName(type, id),
      size,
      directoryHash,
      delta: name,
      // Read again where it is needed, rather than kept: that is nearly never.
      directoryIn: (from) => openDocument(from, T.index, name).payload.subarray(at, at + length),
    })
  }
  fields.end()
  return { replaces, packs }
}

// ------------------------------------------------------------------------------------------------------------ points (9, 10)

const POINT = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,128}$/

/**
 * All recovery points that are not deleted. `damage` of a point is what is wrong with its own blobs; without a readable head it has
 * nothing else.
 */
export function readPoints(vault) {
  const points = []
  for (const id of listEither(vault.directory, 'points')) {
    if (!POINT.test(id)) continue
    const names = listEither(vault.directory, `points/${id}`)
    const hasHead = names.includes('head')
    const amendments = names.filter((name) => /^amendment-[0-9]{8}$/.test(name))
    const point = {
      id,
      head: undefined,
      record: {},
      damage: /** @type {Damage[]} */ ([]),
      isDeleted: false,
      isUnsure: false,
    }
    const trying = (work) => {
      try {
        work()
      } catch (error) {
        if (!(error instanceof Damage)) throw error
        point.damage.push(error)
      }
    }
    if (hasHead) trying(() => readHead(vault, point))
    if (names.includes('deleted')) {
      point.isDeleted = true
      const before = point.damage.length
      trying(() => checkTombstone(vault, point))
      point.isUnsure = point.damage.length > before
    } else if (!hasHead && amendments.length > 0) {
      point.damage.push(
        new Damage(`points/${id}/head`, 'it is missing: there are amendments of it, and no tombstone'),
      )
    } else if (!hasHead) continue
    if (hasHead && !point.isDeleted) trying(() => applyAmendments(vault, point, amendments))
    points.push(point)
  }
  return points
}

function checkTombstone(vault, { id, record }) {
  const name = `points/${id}/deleted`
  const { pointId, reason } = parseJson(openEither(vault, T.deleted, name).payload, name)
  if (pointId !== id) throw new Damage(name, 'it is the tombstone of another recovery point')
  // Both stores of a vault have the same keys.
  if (reason === 'moved to cold storage' && typeof record.movedToColdAt === 'number')
    throw new Damage(name, 'it is that of the first store: the recovery point was moved here')
}

const isCount = (value) => Number.isSafeInteger(value) && value >= 0
const isRecord = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)

function readHead(vault, point) {
  const name = `points/${point.id}/head`
  const head = parseJson(openEither(vault, T.head, name).payload, name)
  if (head.format !== 1)
    throw new Damage(name, `it has format ${printable(JSON.stringify(head.format))}; this program reads 1`)
  if (head.vaultId !== vault.id || head.pointId !== point.id)
    throw new Damage(name, 'it belongs to another vault or recovery point')
  if (typeof head.jobId !== 'string' || !Number.isSafeInteger(head.fence))
    throw new Damage(name, 'its jobId or fence is none')
  const isRoot = typeof head.root === 'string' && /^[0-9a-f]{64}$/.test(head.root)
  if (!isRoot && head.root !== null) throw new Damage(name, 'its root is no id')
  if (!isCount(head.height) || head.height > 0x20 || !isCount(head.items) || !isCount(head.contentBytes)) {
    throw new Damage(name, 'its height, items or contentBytes is no such number')
  }
  if ((head.root === null) !== (head.items === 0))
    throw new Damage(name, `it has ${head.items} items and root ${head.root}`)
  if (!isRecord(head.record)) throw new Damage(name, 'its record is none')
  point.head = head
  point.record = { ...head.record }
}

function applyAmendments(vault, point, names) {
  names.forEach((file, at) => {
    const name = `points/${point.id}/${file}`
    const number = Number(file.slice(-8))
    if (number !== at + 1) {
      const missing = `amendment-${String(at + 1).padStart(8, '0')}`
      throw new Damage(`points/${point.id}/${missing}`, `it is missing: ${file} is there`)
    }
    const amendment = parseJson(openEither(vault, T.amendment, name).payload, name)
    if (amendment.pointId !== point.id || amendment.number !== number || !isRecord(amendment.record)) {
      throw new Damage(name, 'it does not amend what its name says')
    }
    for (const [member, value] of Object.entries(amendment.record)) {
      if (value === null) delete point.record[member]
      else point.record[member] = value
    }
  })
}

// ------------------------------------------------------------------------------------------------------- vault records (16)

/**
 * What the vault says of itself after each of its records; the first is that before any. What is wrong goes to `report`; behind a
 * missing or damaged record nothing is known.
 */
export function readRecords(vault, report) {
  const states = [{}]
  const names = listEither(vault.directory, 'records').filter((name) => /^[0-9]{8}$/.test(name))
  try {
    for (const file of names) {
      const number = states.length
      const name = `records/${file}`
      const due = `records/${String(number).padStart(8, '0')}`
      if (name !== due) throw new Damage(due, `it is missing: ${name} is there`)
      const payload = parseJson(openEither(vault, T.record, name).payload, name)
      if (payload.number !== number || !isRecord(payload.record))
        throw new Damage(name, 'it is no vault record of this number')
      const state = { ...states.at(-1) }
      for (const [member, value] of Object.entries(payload.record)) {
        if (value === null) delete state[member]
        else state[member] = value
      }
      states.push(state)
    }
  } catch (error) {
    if (!(error instanceof Damage)) throw error
    report(error)
  }
  return states
}

/** What a head's writer saw of the lock must still be there. */
function checkLockInHead({ id, record }, states, report) {
  const said = record.vaultLock
  if (said === undefined) return
  const blob = `points/${id}/head`
  const number = said?.number
  if (!isRecord(said) || !isCount(number) || number < 1)
    report(new Damage(blob, 'its vaultLock names no vault record'))
  else if (number >= states.length) {
    const missing = `records/${String(number).padStart(8, '0')}`
    report(new Damage(missing, `it is missing or not readable: ${blob} was written when it was there`))
  } else if (!isDeepStrictEqual(states[number].lock, said.lock))
    report(new Damage(blob, `its vaultLock is not what records/${String(number).padStart(8, '0')} says`))
}

/** The vault's lock in one sentence. */
function lockText(lock) {
  const days = (value, none) => (Number.isSafeInteger(value) ? `${value} days` : none)
  const { mode, minRetentionDays, maxRetentionDays, lockDate } = isRecord(lock) ? lock : {}
  const from = timeText(lockDate)
  return printable(
    `locked: ${textOf(mode)}, retention from ${days(minRetentionDays, 'any')} to ${days(maxRetentionDays, 'any')}` +
      (from === '' ? '' : `, for good from ${from}`),
  )
}

// ------------------------------------------------------------------------------------------------------ identity exports (17)

const SIGNER_PUBLIC = Buffer.from('302a300506032b6570032100', 'hex')

/** Folders of the exports that have a manifest, the newest first. */
function identityFolders(vault) {
  return list(vault.directory, 'identity')
    .filter((name) => /^[0-9]{8}-[0-9]{8}T[0-9]{6}Z$/.test(name))
    .filter((name) => fs.existsSync(path.join(vault.directory, 'identity', name, 'manifest')))
    .toReversed()
}

function readIdentityManifest(vault, folder) {
  const name = `identity/${folder}/manifest`
  const text = utf8(openDocument(vault, T.identity, name).payload)
  const [line = '', code = '', rest] = text?.split('\n') ?? []
  const manifest = parseJson(Buffer.from(line), name)
  const signature = base64(code, 64)
  const signer = base64(manifest.signer, 32)
  if (rest !== '' || signature === undefined || signer === undefined)
    throw new Damage(name, 'it is not a line of JSON and a signature')
  if (
    manifest.format !== 1 ||
    manifest.vaultId !== vault.id ||
    manifest.number !== Number(folder.slice(0, 8))
  )
    throw new Damage(name, 'it is of another format, vault or number')
  const isPart = (part) =>
    isRecord(part) &&
    textOf(part.name).startsWith(`identity/${folder}/`) &&
    /^[A-Za-z0-9/-]+$/.test(part.name)
  if (!Array.isArray(manifest.parts) || !manifest.parts.every(isPart))
    throw new Damage(name, 'its parts are none')
  const key = crypto.createPublicKey({
    key: Buffer.concat([SIGNER_PUBLIC, signer]),
    format: 'der',
    type: 'spki',
  })
  const signed = Buffer.concat([Buffer.from('roleback-identity/1\0'), Buffer.from(line)])
  if (!crypto.verify(null, signed, key, signature)) throw new Damage(name, 'its signature is wrong')
  return { manifest, isBelieved: vault.kit.identitySigners.includes(manifest.signer) }
}

/** The rows of a part: {table, row, secrets}. */
function readIdentityPart(vault, { name, accountId, sha256: expected }) {
  const bytes = withBlob(vault, name, (fd, size) => {
    if (size > MAX_PAYLOAD + MiB) throw new Damage(name, `it is too long (${size} bytes)`)
    return readAt(fd, size, 0, name)
  })
  if (sha256(bytes).toString('hex') !== expected)
    throw new Damage(name, 'it is not the part that the manifest names')
  const lines = textOf(utf8(openDocument(vault, T.identity, name).payload)).split('\n')
  return lines
    .filter((line) => line !== '')
    .map((line) => {
      const value = parseJson(Buffer.from(line), name)
      const isOwn = isRecord(value.row) && [undefined, accountId].includes(value.row.account_id)
      if (!isOwn && accountId !== null) throw new Damage(name, 'it has a row of another account')
      return value
    })
}

/** An export with its rows, the newest that is believed where no number is given. */
export function readIdentity(vault, number) {
  const folders = identityFolders(vault)
  if (folders.length === 0)
    throw new CannotBegin(
      'No identity export lies in this vault: is it the system vault, whose directory is called system-…?',
    )
  const passed = vault.openDamage.map(({ message }) => message)
  for (const folder of folders) {
    if (number !== undefined && Number(folder.slice(0, 8)) !== number) continue
    try {
      const { manifest, isBelieved } = readIdentityManifest(vault, folder)
      if (isBelieved || number !== undefined || vault.kit.identitySigners.length === 0)
        return {
          manifest,
          isBelieved,
          passed,
          lines: manifest.parts.flatMap((part) => readIdentityPart(vault, part)),
        }
      passed.push(`${folder} is signed by a server that the kit does not name`)
    } catch (error) {
      if (!(error instanceof Damage) || number !== undefined) throw error
      passed.push(error.message)
    }
  }
  throw new CannotBegin(
    number === undefined
      ? `No identity export is whole, and signed by a server that the kit names: ${passed.join('; ')}`
      : `There is no identity export ${number}`,
  )
}

function verifyIdentity(vault, folder, report) {
  try {
    const { manifest } = readIdentityManifest(vault, folder)
    for (const part of manifest.parts) readIdentityPart(vault, part)
  } catch (error) {
    if (!(error instanceof Damage)) throw error
    report(error)
  }
}

// ------------------------------------------------------------------------------------------------------------- manifests (8)

const MAX_NODE = 4 * MiB
const MAX_META = MiB
const MAX_KEY = 65_535

/**
 * The items of a recovery point in order, a leaf at a time. A part of the tree that cannot be read goes to `onDamage` with the
 * number of items that are lost with it, and the rest follows; all else that is wrong is thrown.
 */
export function* walkItems(vault, point, onDamage) {
  const { root, height, items, contentBytes } = point.head
  const blob = `points/${point.id}/head`
  if (root === null) {
    if (contentBytes !== 0) throw new Damage(blob, `it has ${contentBytes} bytes in no items`)
    return
  }
  const walk = { vault, blob, onDamage, last: undefined }
  const child = { id: Buffer.from(root, 'hex'), level: height, key: undefined, items, bytes: contentBytes }
  yield* walkNode(walk, child)
}

function* walkNode(walk, child) {
  const { vault, blob } = walk
  let node
  try {
    const bytes = readChunk(vault, T.meta, child.id, blob)
    node = parseNode(bytes, `manifest node ${child.id.toString('hex')} of ${blob}`, child)
  } catch (error) {
    if (!(error instanceof Damage) || walk.onDamage === undefined) throw error
    walk.onDamage(error, child.items)
    return
  }
  if (child.level === 0) {
    for (const item of node) follow(walk, item.key, child)
    yield node
    return
  }
  for (const entry of node) {
    if (walk.last !== undefined && Buffer.compare(walk.last, entry.key) >= 0) {
      throw new Damage(blob, `its manifest is out of order at "${printableBytes(entry.key)}"`)
    }
    yield* walkNode(walk, entry)
  }
}

function follow(walk, key) {
  if (walk.last !== undefined && Buffer.compare(walk.last, key) >= 0) {
    throw new Damage(walk.blob, `its manifest is out of order at "${printableBytes(key)}"`)
  }
  walk.last = key
}

/** A leaf's items or an inner node's entries, checked against what the parent says of this child. */
function parseNode(bytes, blob, child) {
  if (bytes.length > MAX_NODE) throw new Damage(blob, `it has ${bytes.length} bytes`)
  // The chunk lies in a buffer that is given up later; items are kept longer.
  const fields = new Fields(Buffer.from(bytes), blob)
  const kind = fields.u8()
  if (kind !== child.level) throw new Damage(blob, `it is of level ${kind}, not ${child.level}`)
  const parsed = []
  let items = 0
  let total = 0
  do {
    const one = child.level === 0 ? parseItem(fields) : parseEntry(fields, child.level - 1)
    if (parsed.length === 0 && child.key !== undefined && !one.key.equals(child.key)) {
      throw new Damage(blob, 'its first key is not the one that its parent says')
    }
    items += child.level === 0 ? 1 : one.items
    total += child.level === 0 ? one.size : one.bytes
    parsed.push(one)
  } while (!fields.isAtEnd)
  if (items !== child.items || total !== child.bytes) {
    throw new Damage(
      blob,
      `it has ${items} items with ${total} bytes, not ${child.items} with ${child.bytes}`,
    )
  }
  return parsed
}

function parseKey(fields) {
  const length = fields.varint()
  if (length === 0 || length > MAX_KEY) throw new Damage(fields.blob, `a key has ${length} bytes`)
  return fields.take(length)
}

function parseItem(fields) {
  const key = parseKey(fields)
  const kind = fields.u8()
  const metaLength = fields.varint()
  if (kind === 0 || metaLength > MAX_META)
    throw new Damage(fields.blob, 'an item has kind 0 or too much metadata')
  const meta = fields.take(metaLength)
  const size = fields.varint()
  const depth = fields.u8()
  const count = fields.varint()
  const isEmpty = size === 0
  if (depth > 1 || (isEmpty && (depth !== 0 || count !== 0)) || (!isEmpty && count === 0)) {
    throw new Damage(fields.blob, `an item of ${size} bytes has depth ${depth} and ${count} ids`)
  }
  return { key, kind, meta, size, depth, ids: fields.take(count * 32) }
}

function parseEntry(fields, level) {
  const key = parseKey(fields)
  const id = fields.take(32)
  return { key, id, level, items: fields.varint(), bytes: fields.varint() }
}

/** The ids of an item's content chunks, in order. */
function* contentIds(vault, item, blob) {
  for (let at = 0; at < item.ids.length; at += 32) {
    const id = item.ids.subarray(at, at + 32)
    if (item.depth === 0) {
      yield id
      continue
    }
    const node = Buffer.from(readChunk(vault, T.meta, id, blob))
    if (node[0] !== 0xff || node.length < 33 || (node.length - 1) % 32 !== 0 || node.length > MAX_NODE) {
      throw new Damage(`manifest node ${id.toString('hex')} of ${blob}`, 'it is no list of chunks')
    }
    for (let within = 1; within < node.length; within += 32) yield node.subarray(within, within + 32)
  }
}

/** The bytes of an item, each piece valid until the next. Ends with an error rather than with wrong or missing bytes. */
function* content(vault, item, blob) {
  let done = 0
  for (const id of contentIds(vault, item, blob)) {
    const bytes = readChunk(vault, T.data, id, blob)
    done += bytes.length
    if (done > item.size) break
    yield bytes
  }
  if (done !== item.size)
    throw new Damage(blob, `an item in it says ${item.size} bytes, its chunks have others`)
}

// -------------------------------------------------------------------------------------------------------------------- verify

/** Reads and checks everything. `damage` is a list of {blob, reason}; empty means that all is well. */
export function verifyVault(vault, onProgress = () => {}) {
  const damage = []
  const notes = []
  const seen = new Set()
  const report = ({ blob, reason }) => {
    const line = `${blob}: ${reason}`
    if (!seen.has(line)) damage.push({ blob, reason })
    seen.add(line)
  }
  vault.openDamage.forEach(report)
  const points = readPoints(vault)
  for (const point of points) point.damage.forEach(report)
  const index = readIndex(vault, report)
  loadPacks(vault, report)
  let bytes = 0
  for (const pack of vault.packs.values()) {
    bytes += verifyPack(vault, pack, index.packs.get(pack.name), report)
    onProgress(`${vault.packs.size} packs, ${bytes} bytes read`)
  }
  const gone = [...index.packs.keys()].filter((name) => !vault.packs.has(name))
  if (gone.length > 0)
    notes.push(
      `The index names ${gone.length} packs that are not here; no harm where no recovery point needs them`,
    )
  const live = points.filter((point) => !point.isDeleted)
  const states = readRecords(vault, report)
  for (const point of live) checkLockInHead(point, states, report)
  verifyAllTwins(vault, points, report)
  const { lock } = states.at(-1)
  if (lock !== undefined) notes.push(`The vault is ${lockText(lock)}`)
  for (const point of live) {
    if (point.head !== undefined) verifyPoint(vault, point, index.packs, report)
    onProgress(`recovery point ${point.id}`)
  }
  for (const seed of list(vault.directory, 'dead'))
    if (/^[0-9a-f]{64}$/.test(seed)) verifyDead(vault, seed, report)
  for (const folder of identityFolders(vault)) verifyIdentity(vault, folder, report)
  notes.push(...looseNotes(vault))
  return {
    vaultId: vault.id,
    isWhole: damage.length === 0,
    points: live.length,
    packs: vault.packs.size,
    chunks: vault.chunks[T.data].count + vault.chunks[T.meta].count,
    bytes,
    indexDeltas: index.deltas,
    damage,
    notes,
  }
}

function verifyAllTwins(vault, points, report) {
  for (const file of listEither(vault.directory, 'records'))
    if (/^[0-9]{8}$/.test(file)) verifyTwins(vault, T.record, `records/${file}`, report)
  for (const { id, isDeleted } of points) {
    for (const file of listEither(vault.directory, `points/${id}`)) {
      const [, what] = /^(head|deleted|amendment(?=-[0-9]{8}$))/.exec(file) ?? []
      // What a deletion left of a point is nothing wrong.
      if (what === undefined || (isDeleted && what !== 'deleted')) continue
      verifyTwins(vault, T[what], `points/${id}/${file}`, report)
    }
  }
}

/** Every byte of a pack: its name, its seals, its chunks' ids, what the index says of it. Returns its size. */
function verifyPack(vault, pack, entry, report) {
  pack.isIndexed = entry !== undefined
  const trying = (work) => {
    try {
      return work()
    } catch (error) {
      if (!(error instanceof Damage)) throw error
      report(error)
    }
  }
  const size = trying(() => hashPack(vault, pack)) ?? 0
  if (entry !== undefined && pack.directoryHash !== undefined) {
    if (entry.size !== pack.size || !entry.directoryHash.equals(pack.directoryHash)) {
      report(new Damage(entry.delta, `what it says of ${pack.name} is not what that pack says itself`))
    }
  }
  if (pack.firstChunk === undefined) return size
  for (let row = pack.firstChunk; row < pack.firstChunk + pack.chunkCount; row++) {
    const { id, segment, offset, length } = vault.chunks[pack.type].get(row)
    trying(() => {
      if (isChunk(vault, pack.type, id, openSegment(vault, segment).subarray(offset, offset + length))) return
      const { number } = vault.segments[segment]
      vault.segments[segment].bad =
        `a chunk in segment ${number} does not have the id ${id.toString('hex')} that it should`
      throw new Damage(pack.name, vault.segments[segment].bad)
    })
  }
  return size
}

function hashPack(vault, pack) {
  return withBlob(vault, pack.name, (fd, size) => {
    const hash = crypto.createHash('sha256')
    for (let at = 0; at < size; at += MiB) hash.update(readAt(fd, Math.min(MiB, size - at), at, pack.name))
    if (hash.digest('hex') !== pack.id)
      throw new Damage(pack.name, 'its SHA-256 is not its name: bytes of it have changed')
    return size
  })
}

function verifyDead(vault, seed, report) {
  const name = `dead/${seed}`
  try {
    const document = openDocument(vault, T.dead, name)
    if (document.seed.toString('hex') !== seed) throw new Damage(name, 'its name is not that of its seed')
    const { generation, createdAtMs, blobs } = parseJson(document.payload, name)
    const isNames = Array.isArray(blobs) && blobs.every((blob) => typeof blob === 'string')
    if (!isCount(generation) || !isCount(createdAtMs) || !isNames)
      throw new Damage(name, 'it is no list of packs')
  } catch (error) {
    if (!(error instanceof Damage)) throw error
    report(error)
  }
}

const MAX_NAMED_ITEMS = 200

/** The whole tree of a recovery point, and that each chunk it names lies in a pack that is whole and that the index knows. */
function verifyPoint(vault, point, indexed, report) {
  const blob = `points/${point.id}/head`
  let lost = 0
  const lose = (item, { message }) => {
    if (++lost <= MAX_NAMED_ITEMS)
      report(new Damage(blob, `item "${printableBytes(item.key)}" cannot be restored: ${message}`))
  }
  const onDamage = (error, items) =>
    report(new Damage(blob, `${items} items cannot be restored: ${error.message}`))
  const check = (type, id) => {
    const places = vault.chunks[type].find(id)
    const whole = places.find(({ segment }) => vault.segments[segment].bad === undefined)
    if (whole === undefined) return void readChunk(vault, type, id, blob)
    const packs = places.map(({ segment }) => vault.segments[segment].pack.name)
    if (!packs.some((name) => indexed.has(name))) {
      report(
        new Damage(
          packs[0],
          `recovery point ${point.id} needs it, and no index delta names it: one is missing or damaged`,
        ),
      )
    }
    return whole.length
  }
  try {
    if (point.head.root !== null) check(T.meta, Buffer.from(point.head.root, 'hex'))
    for (const items of walkItems(vault, point, onDamage)) {
      for (const item of items) {
        try {
          let size = 0
          for (const id of contentIds(vault, item, blob)) size += check(T.data, id)
          if (size !== item.size) throw new Damage(blob, `its chunks have ${size} bytes, not ${item.size}`)
        } catch (error) {
          if (!(error instanceof Damage)) throw error
          lose(item, error)
        }
      }
    }
  } catch (error) {
    if (!(error instanceof Damage)) throw error
    report(error)
  }
  if (lost > MAX_NAMED_ITEMS)
    report(new Damage(blob, `${lost - MAX_NAMED_ITEMS} more items cannot be restored`))
}

/** What nothing authenticates: said, but no damage. */
function looseNotes(vault) {
  const notes = []
  const { recoverSha256, kitId } = vault.kit
  try {
    const found = sha256(fs.readFileSync(path.join(vault.directory, 'recover.mjs'))).toString('hex')
    if (recoverSha256 !== undefined && found !== recoverSha256) {
      notes.push(
        `The vault's copy of recover.mjs is not the one that recovery kit ${kitId} names: do not run it unless you know why`,
      )
    }
  } catch {
    notes.push("The vault's copy of recover.mjs is not there")
  }
  if (list(vault.directory, 'keys').includes('server.json')) {
    notes.push(
      "keys/server.json, the server's own wrapping of the vault key, cannot be checked with a recovery kit",
    )
  }
  return notes
}

// ------------------------------------------------------------------------------------------------------------------- restore

/** Finds a recovery point by its id or its ARN. */
function findPoint(vault, wanted) {
  const matches = readPoints(vault).filter(({ id, record }) => {
    const arn = typeof record.recoveryPointArn === 'string' ? record.recoveryPointArn : ''
    return id === wanted || arn === wanted || arn.endsWith(`:${wanted}`)
  })
  const [point] = matches.filter(({ isDeleted }) => !isDeleted)
  if (point === undefined && matches.length > 0) {
    const [{ id, isUnsure }] = matches
    throw new CannotBegin(
      isUnsure
        ? `Recovery point ${id} is deleted by points/${id}/deleted, but that blob is damaged. If the point was never deleted, move this blob away and try again`
        : `Recovery point ${id} was deleted`,
    )
  }
  if (point === undefined) {
    throw new CannotBegin(
      `There is no recovery point "${printable(wanted)}" in this vault: the command list shows them`,
    )
  }
  if (point.head === undefined)
    throw point.damage[0] ?? new Damage(`points/${point.id}/head`, 'it cannot be read')
  return point
}

/** Restores one recovery point into a new directory. */
export function restorePoint(vault, wanted, target, onProgress = () => {}) {
  const point = findPoint(vault, wanted)
  const root = path.resolve(target)
  if (fs.lstatSync(root, { throwIfNoEntry: false }) !== undefined) {
    throw new CannotBegin(`"${printable(root)}" exists already: name a new directory`)
  }
  const problems = []
  const problem = (item, reason) => problems.push({ item, reason })
  for (const { blob, reason } of point.damage) problem(blob, reason)
  const packDamage = []
  loadPacks(vault, (damage) => packDamage.push(damage.message))
  try {
    fs.mkdirSync(root, { mode: 0o700 })
  } catch (error) {
    throw new CannotBegin(`Cannot make "${printable(root)}" (${error.code})`)
  }
  const run = { vault, point, root, problem, onProgress, items: 0, bytes: 0, notes: new Map(), packDamage }
  const type = point.record.resourceType
  if (type === 'EFS') restoreTree(run)
  else if (type === 'RDS') restoreDatabase(run)
  else restoreObjects(run, type)
  const notes = [...run.notes].map(([text, count]) => text.replace('%', String(count)))
  notes.push(...vault.openDamage.map(({ message }) => message))
  if (packDamage.length > 0)
    notes.push(`${packDamage.length} damaged packs were met, the first: ${packDamage[0]}`)
  return {
    pointId: point.id,
    resourceType: type,
    target: root,
    items: run.items,
    bytes: run.bytes,
    problems,
    notes,
  }
}

const note = (run, text) => void run.notes.set(text, (run.notes.get(text) ?? 0) + 1)

/** Hands every item to `restore`; one that cannot be restored is a problem, and the next follows. */
function eachItem(run, restore) {
  const { vault, point, problem } = run
  const lost = (error, items) => problem(`${items} items`, error.message)
  try {
    for (const items of walkItems(vault, point, lost)) {
      for (const item of items) attempt(run, printableBytes(item.key), () => restore(item))
      run.onProgress(`${run.items} items, ${run.bytes} bytes`)
    }
  } catch (error) {
    if (!(error instanceof Damage)) throw error
    problem('all items that follow', error.message)
  }
}

/** What no other item would survive either. */
const FATAL = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EMFILE', 'ENFILE', 'EIO'])

function attempt(run, name, work) {
  try {
    work()
  } catch (error) {
    const isSystem = typeof error.code === 'string' && typeof error.syscall === 'string'
    if (isSystem && FATAL.has(error.code))
      throw new Error(`Cannot go on at "${name}": ${error.code} from ${error.syscall}`, { cause: error })
    if (!isSystem && !(error instanceof Damage) && !(error instanceof ItemProblem)) throw error
    run.problem(
      name,
      isSystem ? `the system refused it (${error.code} from ${error.syscall})` : error.message,
    )
  }
}

const SAFE_PATH = 3800
const IS_LINUX = process.platform === 'linux'
const { O_CREAT, O_EXCL, O_WRONLY, O_RDONLY, O_NOFOLLOW = 0, O_DIRECTORY = 0 } = fs.constants

/** Paths in the target. One that is too long for the system is reached through a descriptor of the folder it lies in. */
class Places {
  #root
  #folder
  #fd

  constructor(root) {
    this.#root = Buffer.from(root)
  }

  /** `relative` is bytes with `/` between names that were checked; empty is the target itself. */
  path(relative) {
    if (relative.length === 0) return this.#root
    if (this.#root.length + relative.length < SAFE_PATH || !IS_LINUX) {
      return Buffer.concat([this.#root, Buffer.from('/'), relative])
    }
    const cut = relative.lastIndexOf(47)
    this.#enter(relative.subarray(0, Math.max(cut, 0)))
    return Buffer.concat([Buffer.from(`/proc/self/fd/${this.#fd}/`), relative.subarray(cut + 1)])
  }

  #enter(folder) {
    if (this.#fd !== undefined && this.#folder.equals(folder)) return
    let fd = fs.openSync(this.#root, O_RDONLY | O_DIRECTORY)
    try {
      for (let at = 0; at < folder.length;) {
        let end = folder.length
        if (end - at > SAFE_PATH) end = folder.lastIndexOf(47, at + SAFE_PATH)
        const next = Buffer.concat([Buffer.from(`/proc/self/fd/${fd}/`), folder.subarray(at, end)])
        const opened = fs.openSync(next, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        fs.closeSync(fd)
        fd = opened
        at = end + 1
      }
    } catch (error) {
      fs.closeSync(fd)
      throw error
    }
    this.close()
    this.#fd = fd
    this.#folder = Buffer.from(folder)
  }

  close() {
    if (this.#fd !== undefined) fs.closeSync(this.#fd)
    this.#fd = undefined
  }
}

/** Writes an item's content to a new file, then calls `finish` with its descriptor. What fails leaves no file behind. */
function writeFile(run, item, file, { isSparse = false, finish = () => {} }) {
  const fd = fs.openSync(file, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600)
  try {
    let position = 0
    for (const bytes of content(run.vault, item, `points/${run.point.id}/head`)) {
      if (isSparse) writeAround(fd, bytes, position)
      else writeAll(fd, bytes, position)
      position += bytes.length
      run.bytes += bytes.length
    }
    if (isSparse) fs.ftruncateSync(fd, item.size)
    finish(fd)
  } catch (error) {
    fs.unlinkSync(file)
    throw error
  } finally {
    fs.closeSync(fd)
  }
  run.items++
}

function writeAll(fd, bytes, position) {
  for (let done = 0; done < bytes.length;) {
    done += fs.writeSync(fd, bytes, done, bytes.length - done, position + done)
  }
}

const BLOCK = 4096
const ZEROS = Buffer.alloc(BLOCK)

/** Writes all blocks but those of zeros. */
function writeAround(fd, bytes, position) {
  let from = 0
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + BLOCK - ((position + at) % BLOCK))
    if (bytes.compare(ZEROS, 0, end - at, at, end) === 0) {
      if (at > from) writeAll(fd, bytes.subarray(from, at), position + from)
      from = end
    }
    at = end
  }
  if (bytes.length > from) writeAll(fd, bytes.subarray(from), position + from)
}

// ------------------------------------------------------------------------------------------------- file systems (EFS)

const DIRECTORY = 1
const FILE = 2
const SYMLINK = 3
const HARD_LINK = 4
const FIFO = 5
const SOCKET = 6
const CHARACTER_DEVICE = 7
const BLOCK_DEVICE = 8
const HAS_HOLES = 2

function parseTreeMeta(bytes) {
  const fields = new Fields(bytes, 'its metadata')
  const version = fields.u8()
  if (version !== 1) throw new ItemProblem(`its metadata has version ${version}; this program reads 1`)
  const meta = {
    flags: fields.u8(),
    mode: fields.u32(),
    uid: fields.u32(),
    gid: fields.u32(),
    links: fields.u32(),
  }
  meta.mtimeNs = fields.take(8).readBigInt64LE()
  fields.take(8 + 8 + 8) // ctime, inode, device it lay on: nothing can give these back
  meta.rdev = fields.take(8).readBigUInt64LE()
  meta.target = fields.take(fields.u32())
  meta.xattrs = []
  for (let left = fields.u16(); left > 0; left--) {
    const name = fields.take(fields.u16())
    meta.xattrs.push({ name, value: fields.take(fields.u32()) })
  }
  return meta
}

/** Checks a key as bytes (one character a byte); gives the key of its folder and its path in the target. */
function splitKey(key, isDirectory) {
  const refuse = (why) => {
    throw new ItemProblem(`its name is refused: ${why}`)
  }
  if (!key.startsWith('/')) refuse('it does not begin with a slash')
  if (key.includes('\0')) refuse('it holds a NUL byte')
  if (key.endsWith('/') !== isDirectory) refuse('only the name of a directory ends with a slash')
  if (key === '/') return { folder: undefined, relative: Buffer.alloc(0) }
  const relative = isDirectory ? key.slice(1, -1) : key.slice(1)
  for (const part of relative.split('/')) {
    if (part === '' || part === '.' || part === '..') refuse(`"${part}" is no name of a file`)
    if (part.length > 255) refuse('a part of it is longer than 255 bytes')
  }
  return {
    folder: `/${relative.slice(0, relative.lastIndexOf('/') + 1)}`,
    relative: Buffer.from(relative, 'latin1'),
  }
}

/**
 * A tree. Every folder an item goes into was made here before, in a directory that only we may enter, so that no link is ever
 * followed; owners, modes and times of directories come last.
 */
function restoreTree(run) {
  const places = new Places(run.root)
  const folders = new Map([['/', undefined]])
  const xattrs = new Attributes(run)
  const isRoot = process.getuid?.() === 0
  const firstPlaces = new Places(run.root) // of the first names of hard links: both paths are needed at once
  const tree = { run, places, firstPlaces, folders, xattrs, isRoot, specials: 0 }
  try {
    eachItem(run, (item) => restoreEntry(tree, item))
    xattrs.flush()
    for (const [key, meta] of [...folders].reverse()) {
      if (meta !== undefined)
        attempt(run, printableBytes(Buffer.from(key, 'latin1')), () => finishFolder(tree, key, meta))
    }
  } finally {
    places.close()
    firstPlaces.close()
  }
}

function restoreEntry(tree, item) {
  const { run, places, folders } = tree
  const key = item.key.toString('latin1')
  const { folder, relative } = splitKey(key, item.kind === DIRECTORY)
  const meta = parseTreeMeta(item.meta)
  if (folder === undefined) {
    folders.set('/', meta)
    run.items++
    return
  }
  if (!folders.has(folder)) throw new ItemProblem('the directory that it belongs in was not restored')
  const at = places.path(relative)
  switch (item.kind) {
    case DIRECTORY:
      fs.mkdirSync(at, { mode: 0o700 })
      folders.set(key, meta)
      break
    case FILE:
      return restoreFile(tree, item, at, meta)
    case SYMLINK:
      fs.symlinkSync(meta.target, at)
      finishByPath(tree, at, meta, true)
      break
    case HARD_LINK:
      restoreLink(tree, key, at, meta)
      break
    case FIFO:
    case CHARACTER_DEVICE:
    case BLOCK_DEVICE:
      if (!restoreSpecial(tree, item.kind, at, meta)) return
      break
    case SOCKET:
      return note(run, '% sockets were left out: the programs that listen on them make them anew')
    default:
      throw new ItemProblem(`it is of kind ${item.kind}, which this program does not know`)
  }
  run.items++
}

/** The mode that may be given: where the owner cannot be given back, setuid and setgid would mean another one. */
function modeOf({ isRoot, run }, { mode, uid }) {
  if (isRoot || (mode & 0o6000) === 0 || (mode & 0o170000) === 0o040000 || uid === process.getuid?.())
    return mode & 0o7777
  note(run, '% setuid or setgid bits were left out, since owners can only be restored by root')
  return mode & 0o1777
}

function noteOwner({ isRoot, run }, { uid, gid }) {
  if (!isRoot && (uid !== process.getuid?.() || gid !== process.getgid?.())) {
    note(run, 'Owners of % items were not restored: that needs root')
  }
}

/** Node takes negative numbers of seconds for mistakes, and dates before 1970 for what they are. */
const timeOf = (ns) => (ns < 0n ? new Date(Number(ns) / 1e6) : Number(ns) / 1e9)

function restoreFile(tree, item, at, meta) {
  const { run, isRoot, xattrs } = tree
  const finish = (fd) => {
    if (isRoot) fs.fchownSync(fd, meta.uid, meta.gid)
    noteOwner(tree, meta)
    if (meta.xattrs.length > 0) return
    fs.fchmodSync(fd, modeOf(tree, meta))
    fs.futimesSync(fd, Date.now() / 1000, timeOf(meta.mtimeNs))
  }
  writeFile(run, item, at, { isSparse: (meta.flags & HAS_HOLES) !== 0, finish })
  // A mode that forbids writing would forbid attributes, too.
  if (meta.xattrs.length > 0)
    xattrs.add(item.key, at, meta.xattrs, () => setModeAndTime(tree, at, meta, false))
}

function setModeAndTime(tree, at, meta, isLink) {
  if (!isLink) fs.chmodSync(at, modeOf(tree, meta))
  fs.lutimesSync(at, Date.now() / 1000, timeOf(meta.mtimeNs))
}

/** Links and special files, which cannot be opened. */
function finishByPath(tree, at, meta, isLink) {
  if (tree.isRoot) fs.lchownSync(at, meta.uid, meta.gid)
  noteOwner(tree, meta)
  if (meta.xattrs.length > 0)
    tree.xattrs.add(at, at, meta.xattrs, () => setModeAndTime(tree, at, meta, isLink))
  else setModeAndTime(tree, at, meta, isLink)
}

/** A further name. The first one comes earlier in the order of keys, so that it is there already. */
function restoreLink({ firstPlaces, folders }, key, at, meta) {
  const first = meta.target.toString('latin1')
  const { folder, relative } = splitKey(first, false)
  if (first >= key || !folders.has(folder))
    throw new ItemProblem('the first name of the hard link was not restored before it')
  const from = firstPlaces.path(relative)
  if (!fs.lstatSync(from).isFile()) throw new ItemProblem('the first name of the hard link is no file')
  fs.linkSync(from, at)
}

/** FIFOs and devices, by the system's own programs: these take no raw bytes as names, so they get their names afterwards. */
function restoreSpecial(tree, kind, at, meta) {
  const { run, isRoot } = tree
  if (kind !== FIFO && !isRoot) {
    note(run, '% devices were left out: that needs root')
    return false
  }
  const made = path.join(run.root, `.recover-${process.pid}-${tree.specials++}`)
  if (fs.lstatSync(at, { throwIfNoEntry: false }) !== undefined)
    throw new ItemProblem('something of its name is there already')
  const major = ((meta.rdev >> 8n) & 0xfffn) | ((meta.rdev >> 32n) & 0xfffff000n)
  const minor = (meta.rdev & 0xffn) | ((meta.rdev >> 12n) & 0xffffff00n)
  const letter = kind === BLOCK_DEVICE ? 'b' : 'c'
  const { error, status, stderr } =
    kind === FIFO
      ? spawnSync('mkfifo', ['-m', '600', made])
      : spawnSync('mknod', ['-m', '600', made, letter, String(major), String(minor)])
  if (error !== undefined || status !== 0)
    throw new ItemProblem(`it cannot be made: ${printable(error?.message ?? stderr)}`)
  fs.renameSync(made, at)
  finishByPath(tree, at, meta, false)
  return true
}

function finishFolder(tree, key, meta) {
  const at = tree.places.path(splitKey(key, true).relative)
  if (meta.xattrs.length > 0) {
    if (tree.isRoot) fs.lchownSync(at, meta.uid, meta.gid)
    tree.xattrs.add(Buffer.from(key, 'latin1'), at, meta.xattrs, () => {})
    tree.xattrs.flush()
  }
  if (tree.isRoot) fs.lchownSync(at, meta.uid, meta.gid)
  noteOwner(tree, meta)
  setModeAndTime(tree, at, meta, false)
}

/** Extended attributes, many items at a time, by setfattr: Node has no call for them. */
class Attributes {
  #run
  #waiting = []
  #isMissing = false

  constructor(run) {
    this.#run = run
  }

  /** `after` is called once they are set, or cannot be. */
  add(key, at, xattrs, after) {
    const isReachable = !at.includes('/proc/self/fd/')
    if (!isReachable)
      this.#run.problem(
        printableBytes(key),
        'its path is too long for setfattr: its extended attributes were left out',
      )
    if (this.#isMissing || !isReachable) {
      if (this.#isMissing) this.#say(xattrs.length)
      return after()
    }
    this.#waiting.push({ key, at, xattrs, after })
    if (this.#waiting.length >= 500) this.flush()
  }

  flush() {
    const waiting = this.#waiting
    this.#waiting = []
    if (waiting.length === 0) return
    const dump = waiting.map(({ at, xattrs }) => {
      const lines = xattrs.map(({ name, value }) => `${octal(name)}=0s${value.toString('base64')}\n`)
      return `# file: ${octal(at)}\n${lines.join('')}\n`
    })
    const { error, status, stderr } = spawnSync('setfattr', ['-h', '--restore=-'], { input: dump.join('') })
    if (error !== undefined) {
      this.#isMissing = true
      for (const { xattrs } of waiting) this.#say(xattrs.length)
    } else if (status !== 0) {
      for (const line of String(stderr).split('\n').filter(Boolean).slice(0, 20))
        this.#run.problem('extended attributes', printable(line))
    }
    for (const { key, after } of waiting) attempt(this.#run, printableBytes(key), after)
  }

  #say(count) {
    for (let n = 0; n < count; n++)
      note(this.#run, '% extended attributes were not restored: there is no program setfattr here')
  }
}

/** As setfattr reads names: everything unusual as a backslash and three octal digits. */
function octal(bytes) {
  return Buffer.from(bytes)
    .toString('latin1')
    .replace(/[^A-Za-z0-9_./+-]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`)
}

// ---------------------------------------------------------------------------------------------------- databases (RDS)

function restoreDatabase(run) {
  const { resourceName, resourceArn } = run.point.record
  const names = [resourceName, textOf(resourceArn).split(':').at(-1), 'database']
  const given = names.find((name) => typeof name === 'string' && name !== '')
  const safe = given
    .replace(/[^A-Za-z0-9_.-]/g, '_')
    .replace(/^\./, '_')
    .slice(0, 100)
  const ends = new Map([
    [1, 'json'],
    [2, 'dump'],
  ])
  let isDumped = false
  eachItem(run, (item) => {
    const end = ends.get(item.kind)
    if (end === undefined)
      throw new ItemProblem(`it is of kind ${item.kind}, which this program does not know`)
    if (item.meta[0] !== 1)
      throw new ItemProblem(`its metadata has version ${item.meta[0]}; this program reads 1`)
    writeFile(run, item, path.join(run.root, `${safe}.${end}`), {})
    if (end === 'dump') isDumped = true
  })
  if (!isDumped) run.problem(`${safe}.dump`, 'the recovery point gave no dump')
  else note(run, `Load it with: createdb NEW-NAME && pg_restore --no-owner --dbname=NEW-NAME ${safe}.dump`)
}

// ------------------------------------------------------------------------------------------- buckets (S3) and unknown types

/**
 * Objects as files below objects/, and a line of manifest.jsonl for each. Items of types this program does not know come out
 * the same way, with their metadata in base64.
 */
function restoreObjects(run, type) {
  const places = new Places(run.root)
  const folders = new Set()
  fs.mkdirSync(path.join(run.root, 'objects'), { mode: 0o700 })
  if (type !== 'S3')
    note(
      run,
      `Recovery points of type ${printable(JSON.stringify(type))} are not known here: their items were restored as they are`,
    )
  const manifest = fs.openSync(path.join(run.root, 'manifest.jsonl'), 'wx', 0o600)
  try {
    eachItem(run, (item) => {
      if (type === 'S3' && item.kind !== 1)
        throw new ItemProblem(`it is of kind ${item.kind}, which this program does not know`)
      const metadata = type === 'S3' ? parseObjectMeta(item.meta) : undefined
      const relative = placeObject(places, folders, item.key)
      const finish = (fd) => {
        const { modifiedAt } = metadata ?? {}
        if (Number.isFinite(modifiedAt)) fs.futimesSync(fd, Date.now() / 1000, modifiedAt / 1000)
      }
      writeFile(run, item, places.path(relative), { finish })
      const key = utf8(item.key)
      const line = {
        ...(key === undefined ? { keyBase64: item.key.toString('base64') } : { key }),
        file: relative.toString(),
        size: item.size,
        ...(type === 'S3' ? { metadata } : { kind: item.kind, metaBase64: item.meta.toString('base64') }),
      }
      fs.writeSync(manifest, `${JSON.stringify(line)}\n`)
    })
  } finally {
    fs.closeSync(manifest)
    places.close()
  }
}

function parseObjectMeta(meta) {
  if (meta[0] !== 1) throw new ItemProblem(`its metadata has version ${meta[0]}; this program reads 1`)
  try {
    const value = JSON.parse(utf8(meta.subarray(1)))
    if (isRecord(value)) return value
  } catch {
    // said below
  }
  throw new ItemProblem('its metadata is no JSON object')
}

const MAX_PART = 240

/**
 * The path of an object's file; makes the folders on the way. No two keys have the same: `%XX` stands for a byte, `%_` for an empty
 * name, a name that ends with `%~` goes on in the next one, and `NAME%d` is the folder where a file has the NAME already.
 */
function placeObject(places, folders, key) {
  const parts = escapedParts(key)
  let folder = 'objects'
  for (const part of parts.slice(0, -1)) {
    const plain = `${folder}/${part}`
    const stat = folders.has(plain)
      ? undefined
      : fs.lstatSync(places.path(Buffer.from(plain)), { throwIfNoEntry: false })
    folder = stat?.isFile() ? `${plain}%d` : plain
    if (folders.has(folder)) continue
    fs.mkdirSync(places.path(Buffer.from(folder)), { mode: 0o700 })
    folders.add(folder)
  }
  return Buffer.from(`${folder}/${parts.at(-1)}`)
}

function escapedParts(key) {
  const parts = []
  for (let at = 0; at <= key.length;) {
    let end = key.indexOf(47, at)
    if (end < 0) end = key.length
    parts.push(...escapePart(key.subarray(at, end)))
    at = end + 1
  }
  return parts
}

function escapePart(bytes) {
  const text = utf8(bytes)
  if (text === '') return ['%_']
  if (text === '.' || text === '..') return [text.replaceAll('.', '%2E')]
  const hex = (piece) =>
    [...Buffer.from(piece)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
  const pieces =
    text === undefined
      ? [...bytes].map((byte) => (byte < 0x80 ? String.fromCharCode(byte) : Buffer.from([byte])))
      : Array.from(text)
  const parts = ['']
  for (const piece of pieces) {
    const isPlain = typeof piece === 'string' && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}%\\:*?"<>|]/u.test(piece)
    const escaped = isPlain ? piece : hex(piece)
    if (Buffer.byteLength(parts.at(-1)) + Buffer.byteLength(escaped) > MAX_PART) {
      parts[parts.length - 1] += '%~'
      parts.push('')
    }
    parts[parts.length - 1] += escaped
  }
  return parts
}

// -------------------------------------------------------------------------------------------------------------- command line

const textOf = (value) =>
  value === undefined || value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value)

/** What `list` prints. */
export function describePoints(points) {
  return points
    .filter(({ isDeleted, isUnsure }) => !isDeleted || isUnsure)
    .map(({ id, head, record, damage }) => ({
      id,
      recoveryPointArn: textOf(record.recoveryPointArn),
      resourceType: textOf(record.resourceType),
      resourceArn: textOf(record.resourceArn),
      resourceName: textOf(record.resourceName),
      created: timeText(record.createdAt),
      items: head?.items,
      bytes: head?.contentBytes,
      damage: damage.map(({ blob, reason }) => ({ blob, reason })),
    }))
    .sort((a, b) => (a.created < b.created ? -1 : a.created > b.created ? 1 : 0))
}

/** Milliseconds since 1970 as people and sorting want them. */
function timeText(value) {
  const date = new Date(typeof value === 'number' ? value : Number.NaN)
  return Number.isNaN(date.getTime()) ? '' : date.toISOString()
}

function sizeText(bytes) {
  if (bytes === undefined) return ''
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let unit = 0
  let value = bytes
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}

function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

const say = (text) => process.stdout.write(`${text}\n`)

function printList(vault, isJson) {
  const all = readPoints(vault)
  const points = describePoints(all)
  const ofRecords = []
  const report = ({ blob, reason }) => ofRecords.push({ blob, reason })
  vault.openDamage.forEach(report)
  const states = readRecords(vault, report)
  for (const point of all) if (!point.isDeleted) checkLockInHead(point, states, report)
  const { lock } = states.at(-1)
  const damage = [...ofRecords, ...points.flatMap((point) => point.damage)]
  if (lock !== undefined && !isJson) say(`Vault ${vault.id} is ${lockText(lock)}.`)
  if (isJson) say(JSON.stringify({ vaultId: vault.id, lock, damage: ofRecords, points }, undefined, 2))
  else if (points.length === 0) say(`Vault ${vault.id} holds no recovery points.`)
  else {
    const rows = points.map((point) => [
      point.id,
      printable(point.resourceType),
      printable(point.created),
      sizeText(point.bytes),
      point.items === undefined ? 'DAMAGED' : String(point.items),
      printable(point.resourceName || point.resourceArn),
    ])
    say(table([['POINT', 'TYPE', 'CREATED', 'SIZE', 'ITEMS', 'RESOURCE'], ...rows]))
  }
  if (!isJson) for (const { blob, reason } of damage) say(`DAMAGED  ${blob}: ${reason}`)
  return damage.length === 0 ? 0 : 1
}

function printVerify(vault, isJson, onProgress) {
  const result = verifyVault(vault, onProgress)
  onProgress.end()
  if (isJson) say(JSON.stringify(result, undefined, 2))
  else {
    for (const { blob, reason } of result.damage) say(`DAMAGED  ${blob}: ${reason}`)
    for (const text of result.notes) say(`note     ${text}`)
    const { points, packs, chunks, bytes, indexDeltas } = result
    say(
      `Vault ${vault.id}: read ${points} recovery points, ${packs} packs, ${chunks} chunks, ${indexDeltas} index deltas, ${bytes} bytes.`,
    )
    say(result.isWhole ? 'All is whole.' : `${result.damage.length} things are damaged.`)
  }
  return result.isWhole ? 0 : 1
}

function printRestore(vault, [wanted, target], isJson, onProgress) {
  const result = restorePoint(vault, wanted, target, onProgress)
  onProgress.end()
  if (isJson) say(JSON.stringify(result, undefined, 2))
  else {
    for (const { item, reason } of result.problems) say(`NOT RESTORED  ${printable(item)}: ${reason}`)
    for (const text of result.notes) say(`note  ${text}`)
    say(`Restored ${result.items} items, ${result.bytes} bytes to ${printable(result.target)}.`)
    if (result.problems.length > 0) say(`${result.problems.length} problems: see above.`)
  }
  return result.problems.length === 0 ? 0 : 1
}

/** JSON, whatever was asked for: rows are for programs. */
function printIdentity(vault, { number, isSecret }) {
  const { manifest, isBelieved, passed, lines } = readIdentity(vault, number)
  for (const text of passed) process.stderr.write(`recover: passed over: ${printable(text)}\n`)
  const rows = isSecret ? lines : lines.map(({ table, row }) => ({ table, row }))
  const { exportedAt, serverId, epoch, signer } = manifest
  say(
    JSON.stringify(
      { number: manifest.number, exported: timeText(exportedAt), serverId, epoch, signer, isBelieved, rows },
      undefined,
      2,
    ),
  )
  if (!isBelieved)
    process.stderr.write(
      'recover: the kit does not name the server that signed this: it may have been planted\n',
    )
  return isBelieved ? 0 : 1
}

/** One line on a terminal, twice a second at most. */
function progressLine() {
  if (!process.stderr.isTTY) return Object.assign(() => {}, { end: () => {} })
  let last = 0
  const show = (text) => {
    if (Date.now() - last < 500) return
    last = Date.now()
    process.stderr.write(`\r\x1b[K${printable(text).slice(0, 100)}`)
  }
  return Object.assign(show, { end: () => process.stderr.write('\r\x1b[K') })
}

async function readPassphrase(file) {
  if (file !== undefined) {
    try {
      return fs.readFileSync(file, 'utf8')
    } catch (error) {
      throw new CannotBegin(`The passphrase file "${printable(file)}" cannot be read (${error.code})`)
    }
  }
  const { stdin } = process
  if (!stdin.isTTY)
    throw new CannotBegin('There is no terminal to ask for the passphrase on: give --passphrase-file FILE')
  process.stderr.write('Passphrase of the recovery kit: ')
  stdin.setRawMode(true)
  stdin.setEncoding('utf8')
  try {
    let typed = ''
    for await (const text of stdin) {
      for (const c of text) {
        if (c === '\r' || c === '\n') return typed
        if (c === '\u0003' || c === '\u0004') throw new CannotBegin('No passphrase was given')
        if (c === '\u007f' || c === '\b') typed = Array.from(typed).slice(0, -1).join('')
        else typed += c
      }
    }
    throw new CannotBegin('No passphrase was given')
  } finally {
    stdin.setRawMode(false)
    stdin.pause()
    process.stderr.write('\n')
  }
}

const OPERANDS = new Map([
  ['list', 1],
  ['verify', 1],
  ['restore', 3],
  ['identity', 1],
  ['header', 1],
])

function parseCommand(args) {
  let parsed
  try {
    parsed = parseArgs({
      args,
      allowPositionals: true,
      options: {
        kit: { type: 'string' },
        'passphrase-file': { type: 'string' },
        'vault-id': { type: 'string' },
        json: { type: 'boolean' },
        number: { type: 'string' },
        secrets: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    throw new CannotBegin(`${error.message}. See --help`)
  }
  const { values, positionals } = parsed
  const [command, ...operands] = positionals
  if (values.help || command === undefined) return { isHelp: true, code: values.help ? 0 : 2 }
  const count = OPERANDS.get(command)
  if (count === undefined) throw new CannotBegin(`There is no command "${printable(command)}". See --help`)
  if (operands.length !== count)
    throw new CannotBegin(`${command} takes ${count} names, not ${operands.length}. See --help`)
  if (values.kit === undefined) throw new CannotBegin('Say where the recovery kit is: --kit recovery-kit.txt')
  if (values['vault-id'] !== undefined && !isVaultId(values['vault-id']))
    throw new CannotBegin('--vault-id takes the id of a vault: up to 64 letters, digits and -')
  if (values.number !== undefined && !/^[0-9]{1,8}$/.test(values.number))
    throw new CannotBegin('--number takes the number of an export')
  return {
    command,
    operands,
    number: values.number === undefined ? undefined : Number(values.number),
    isSecret: values.secrets === true,
    kit: values.kit,
    passphraseFile: values['passphrase-file'],
    vaultId: values['vault-id'],
    isJson: values.json === true,
  }
}

async function main(args) {
  if (typeof zlib.zstdDecompressSync !== 'function') {
    throw new CannotBegin(
      `This is Node.js ${process.versions.node}: 22.15 or newer is needed (https://nodejs.org)`,
    )
  }
  const command = parseCommand(args)
  if (command.isHelp) {
    process.stdout.write(HELP)
    return command.code
  }
  let text
  try {
    text = fs.readFileSync(command.kit, 'utf8')
  } catch (error) {
    throw new CannotBegin(`The recovery kit "${printable(command.kit)}" cannot be read (${error.code})`)
  }
  const kit = openKit(parseKit(text), await readPassphrase(command.passphraseFile))
  const [directory, ...rest] = command.operands
  const vault = openVault(directory, kit, command.vaultId)
  const onProgress = progressLine()
  if (command.command === 'header') {
    process.stdout.write(vault.headerText())
    return 0
  }
  if (command.command === 'identity') return printIdentity(vault, command)
  if (command.command === 'list') return printList(vault, command.isJson)
  if (command.command === 'verify') return printVerify(vault, command.isJson, onProgress)
  return printRestore(vault, rest, command.isJson, onProgress)
}

function isStarted() {
  try {
    return fs.realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)
  } catch {
    return false
  }
}

if (isStarted()) {
  try {
    process.exitCode = await main(process.argv.slice(2))
  } catch (error) {
    const isKnown = error instanceof Damage || error instanceof CannotBegin
    process.stderr.write(`recover: ${isKnown ? error.message : (error.stack ?? error)}\n`)
    process.exitCode = error instanceof CannotBegin ? 2 : 1
  }
}
