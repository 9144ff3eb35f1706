import { ByteReader, ByteWriter } from '../format/binary.ts'
import { openDocument, sealDocument } from '../format/document.ts'
import type { SealedDocument } from '../format/document.ts'
import { VaultDamageError } from '../errors.ts'
import { ID_BYTES, SEED_BYTES, TYPE } from '../keys.ts'
import type { VaultKeys } from '../keys.ts'
import type { FinishedPack } from '../format/pack.ts'

/** docs/vault-format.md, section 7. */
export interface IndexDelta {
  /** Names of the index deltas it replaces. */
  readonly replaces: readonly string[]
  readonly packs: readonly FinishedPack[]
}

const VERSION = 1
const PREFIX = 'index/'
/** Deltas are split at this size, so that no process needs much memory to write or to read an index of any size. */
export const DELTA_BYTES: number = 4 * 1024 * 1024

/** Seals deltas that name `packs`; the last one replaces `replaces`, since by then the others are written. */
export function sealIndex(
  keys: VaultKeys,
  packs: readonly FinishedPack[],
  replaces: readonly string[] = [],
): SealedDocument[] {
  const groups: FinishedPack[][] = [[]]
  let bytes = 0
  for (const pack of packs) {
    if (bytes > 0 && bytes + pack.directory.length > DELTA_BYTES) {
      groups.push([])
      bytes = 0
    }
    ;(groups.at(-1) as FinishedPack[]).push(pack)
    bytes += pack.directory.length
  }
  return groups.map((group, i) =>
    sealDelta(keys, { packs: group, replaces: i === groups.length - 1 ? replaces : [] }),
  )
}

function sealDelta(keys: VaultKeys, delta: IndexDelta): SealedDocument {
  const out = new ByteWriter(64 * 1024)
  out.u8(VERSION)
  out.u32(delta.replaces.length)
  for (const name of delta.replaces) out.bytes(Buffer.from(name.slice(PREFIX.length), 'hex'))
  out.u32(delta.packs.length)
  for (const pack of delta.packs) {
    out.u8(TYPE[pack.type])
    out.bytes(pack.id)
    out.u32(pack.sizeBytes)
    out.u32(pack.directory.length)
    out.bytes(pack.directory)
  }
  return sealDocument(keys, 'index', (seed) => PREFIX + seed, out.take())
}

/** @throws {VaultDamageError} */
export function openIndex(keys: VaultKeys, name: string, sealed: Uint8Array): IndexDelta {
  const payload = openDocument(keys, 'index', name, sealed)
  try {
    return parseDelta(new ByteReader(payload))
  } catch (cause) {
    throw new VaultDamageError(name, 'it is no index delta', { cause })
  }
}

function parseDelta(reader: ByteReader): IndexDelta {
  if (reader.u8() !== VERSION) throw new RangeError('unknown version')
  const replaces: string[] = []
  for (let left = reader.u32(); left > 0; left--)
    replaces.push(PREFIX + reader.bytes(SEED_BYTES).toString('hex'))
  const packs: FinishedPack[] = []
  for (let left = reader.u32(); left > 0; left--) {
    const code = reader.u8()
    if (code !== TYPE.data && code !== TYPE.meta) throw new RangeError('unknown type of pack')
    const id = reader.bytes(ID_BYTES)
    const sizeBytes = reader.u32()
    packs.push({
      type: code === TYPE.meta ? 'meta' : 'data',
      id,
      sizeBytes,
      directory: reader.bytes(reader.u32()),
    })
  }
  if (reader.left !== 0) throw new RangeError('it does not end where it should')
  return { replaces, packs }
}
