import type { BlobStore } from '../../blobs/blob-store.ts'
import type { Connection, ThreadHalf } from '../../drivers/driver.ts'
import { bufferOf } from '../../vault/format/binary.ts'
import type { ChunkIndex } from '../../vault/chunks/chunk-index.ts'
import { ChunkReader } from '../../vault/read/chunk-reader.ts'
import type { ChunkSizes } from '../../vault/write/chunker.ts'
import { Claims } from '../../vault/write/claims.ts'
import type { TableMemory } from '../../vault/chunks/chunk-table.ts'
import type { VaultKeys } from '../../vault/keys.ts'
import { ChunkPour } from './pour-chunks.ts'
import type { SourceVault } from './pour-chunks.ts'
import { ContentPour } from './pour-content.ts'
import type { FromThread, ToThread } from './pour-wire.ts'
import { writeItems } from './pour-writer.ts'

/** What a pour works with, in a thread or in the main thread. */
export interface PourParts {
  readonly store: BlobStore
  readonly keys: VaultKeys
  readonly chunkSizes: ChunkSizes
  readonly index: ChunkIndex
  readonly half: ThreadHalf
  readonly settings: Connection['settings']
  readonly claims: readonly TableMemory[]
  readonly tag: string
  /** Told of bytes stored or opened. */
  readonly onBytes?: ((bytes: number) => void) | undefined
}

export interface PourSteps {
  /** Does what a message says; only the end takes time beyond the call. */
  step(message: ToThread): FromThread | Promise<FromThread> | undefined
  /** Gives up what is unfinished. */
  abort(): void
}

/** @param post Sends what comes beside the answer. */
export function backupSteps(parts: PourParts, post: (message: FromThread) => void): PourSteps {
  const claims = new Claims(parts.index, parts.claims)
  const pour = new ContentPour({ ...parts, claims, onSegment: parts.onBytes })
  return {
    abort: () => pour.abort(),
    step(message) {
      switch (message.kind) {
        case 'settings':
          pour.readWith(message.settings)
          return undefined
        case 'level':
          claims.addLevel(message.level)
          return undefined
        case 'files':
          return { kind: 'done', results: pour.files(message.tasks) }
        case 'range':
          return { kind: 'done', results: pour.range(message.task, message.from, message.to) }
        case 'inline':
          return { kind: 'done', results: pour.inline(bufferOf(message.data), message.sizes) }
        case 'slab': {
          const results = pour.slab(bufferOf(message.slab).subarray(0, message.length), message.isLast)
          post({ kind: 'slab', slab: message.slab })
          return results && { kind: 'done', results }
        }
        case 'end':
          return pour.end().then((packs) => ({ kind: 'ended', packs }))
        case 'write':
        case 'copy':
          throw new Error(`A thread of a backup was told to ${message.kind}`)
      }
    },
  }
}

/** @param isSmall So little is read that hashing it costs less than comparing the directories of its packs. */
export function restoreSteps(parts: PourParts, isSmall: boolean = false): PourSteps {
  const chunks = new ChunkReader({ ...parts, onSegment: parts.onBytes, trustsDirectories: !isSmall })
  const writer = parts.half.writer(parts.settings)
  const close = (): void => {
    writer.end()
    chunks.close()
  }
  return {
    abort: close,
    step(message) {
      if (message.kind === 'write')
        return { kind: 'done', results: writeItems(chunks, writer, message.tasks) }
      if (message.kind !== 'end') throw new Error(`A thread of a restore was told to handle ${message.kind}`)
      close()
      return { kind: 'ended', packs: [] }
    },
  }
}

export function copySteps(parts: PourParts, source: SourceVault): PourSteps {
  const claims = new Claims(parts.index, parts.claims)
  const pour = new ChunkPour({ ...parts, source, claims })
  return {
    abort: () => pour.abort(),
    step(message) {
      if (message.kind === 'copy') return { kind: 'done', results: pour.copy(bufferOf(message.ids)) }
      if (message.kind === 'end') return pour.end().then((packs) => ({ kind: 'ended', packs }))
      if (message.kind !== 'level') throw new Error(`A thread of a copy was told to handle ${message.kind}`)
      claims.addLevel(message.level)
      return undefined
    },
  }
}
