import { createHash, createSecretKey, randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { CHUNKER_FREE, createChunker, DEFAULT_CHUNK_SIZES } from '../src/vault/write/chunker.ts'
import { gcm } from '../src/vault/format/gcm.ts'
import { VaultKeys } from '../src/vault/keys.ts'
import { zstd } from '../src/vault/format/zstd.ts'

/**
 * `vault-primitives.ts SOURCE OUTPUT`: what a first backup must do and nothing beside it, one call each on the largest pieces that
 * make sense, in one thread: look at and read every file, cut, hash, compress, encrypt and write what is new, hash what is written
 * (packs are named by it, so that a scrub needs no keys), decrypt, unpack and compare it. Its CPU seconds are the limit that ours are
 * measured against.
 */
const [source, output] = process.argv.slice(2) as [string, string]
process.stdout.write('ready\n')
await new Promise((resolve) => process.stdin.once('data', resolve))
process.stdin.destroy()

const SEGMENT_BYTES = 1024 * 1024
const MAX_FILE_BYTES = 64 * 1024 * 1024
const keys = new VaultKeys('primitives', randomBytes(32))
const chunker = createChunker(keys.gearTable(), DEFAULT_CHUNK_SIZES, CHUNKER_FREE + MAX_FILE_BYTES)
const known = new Set<string>()
const segment = Buffer.allocUnsafeSlow(SEGMENT_BYTES * 2)
const packed = Buffer.allocUnsafeSlow(SEGMENT_BYTES * 2)
const back = Buffer.allocUnsafeSlow(SEGMENT_BYTES * 2)
const sealing = Buffer.allocUnsafeSlow(SEGMENT_BYTES * 2 + 16)
const opening = Buffer.allocUnsafeSlow(SEGMENT_BYTES * 2)
const key = createSecretKey(randomBytes(32))
const nonce = Buffer.alloc(12)
const aad = Buffer.alloc(61)
const out = fs.openSync(output, 'w')
const name = createHash('sha256')
let held = 0

function flush(): void {
  if (held === 0) return
  const raw = segment.subarray(0, held)
  const length = zstd().compress(raw, packed.subarray(0, held))
  nonce.writeUInt32LE(nonce.readUInt32LE() + 1)
  const how = { key, nonce, aad }
  const sealed = gcm().seal(how, length === 0 ? raw : packed.subarray(0, length), sealing)
  fs.writeSync(out, sealed)
  name.update(sealed)
  const opened = gcm().open(how, sealed, opening)
  if (length > 0) zstd().decompress(opened, back.subarray(0, held))
  if (!(length > 0 ? back.subarray(0, held) : opened).equals(raw)) throw new Error('Read back other bytes')
  held = 0
}

function keep(chunk: Buffer): void {
  const id = keys.chunkId('data', chunk).toString('latin1')
  if (known.has(id)) return
  known.add(id)
  if (held + chunk.length > segment.length) flush()
  held += chunk.copy(segment, held)
  if (held >= SEGMENT_BYTES) flush()
}

function file(path: string): void {
  const fd = fs.openSync(path, 'r')
  for (let at = 0; ;) {
    const read = fs.readSync(fd, chunker.memory, CHUNKER_FREE, MAX_FILE_BYTES, at)
    if (read === 0) break
    at += read
    for (let from = 0; from < read;) {
      const length = chunker.cut(CHUNKER_FREE + from, read - from)
      keep(chunker.memory.subarray(CHUNKER_FREE + from, CHUNKER_FREE + from + length))
      from += length
    }
  }
  fs.closeSync(fd)
}

function folder(path: string): void {
  for (const entry of fs.readdirSync(path, { withFileTypes: true })) {
    const inner = join(path, entry.name)
    fs.lstatSync(inner)
    if (entry.isDirectory()) folder(inner)
    else if (entry.isFile()) file(inner)
  }
}

folder(source)
flush()
fs.fsyncSync(out)
name.digest()
