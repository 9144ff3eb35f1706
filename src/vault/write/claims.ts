import { ChunkTable } from '../chunks/chunk-table.ts'
import type { TableMemory } from '../chunks/chunk-table.ts'
import type { ChunkIndex } from '../chunks/chunk-index.ts'

/**
 * Which chunks a job must store: those that no living pack has and none of the job's own threads took before. A job relies on its
 * own claims only: another job's may yet come to nothing.
 *
 * The table cannot grow under its users, so a fuller one is followed by a larger one, which the main thread makes and hands
 * round. A thread that does not know the newest yet may store a chunk twice, which harms nothing.
 */
export class Claims {
  readonly #index: ChunkIndex
  readonly #levels: ChunkTable[]

  constructor(index: ChunkIndex, levels: readonly TableMemory[]) {
    this.#index = index
    this.#levels = levels.map((level) => new ChunkTable(level))
  }

  static make(index: ChunkIndex, expectedChunks: number): Claims {
    return new Claims(index, [ChunkTable.make(Math.max(LEAST_CHUNKS, expectedChunks)).memory])
  }

  get levels(): readonly TableMemory[] {
    return this.#levels.map((level) => level.memory)
  }

  addLevel(level: TableMemory): void {
    this.#levels.push(new ChunkTable(level))
  }

  /** True for exactly one caller of each id that is not stored yet: the one that must store it. */
  isNew(ids: Buffer, at: number): boolean {
    if (this.#index.isLive(ids, at)) return false
    const newest = this.#levels.length - 1
    for (let level = 0; level < newest; level++) {
      if ((this.#levels[level] as ChunkTable).find(ids, at) >= 0) return false
    }
    return (this.#levels[newest] as ChunkTable).claim(ids, at) < 0
  }

  /** Makes a larger level when fewer than `chunks` more fit. @returns It, for the other threads. */
  growFor(chunks: number): TableMemory | undefined {
    const newest = this.#levels.at(-1) as ChunkTable
    if (newest.size + chunks <= newest.capacity) return undefined
    const level = ChunkTable.make(Math.max(newest.capacity * 2, chunks * 2)).memory
    this.addLevel(level)
    return level
  }
}

const LEAST_CHUNKS = 64 * 1024
