import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { ItemError } from '../../drivers/driver.ts'
import type { Content, ThreadHalf } from '../../drivers/driver.ts'
import { heldLease } from '../../vault/vault.fixture.ts'
import type { Vault } from '../../vault/vault.ts'
import { openPointReader } from './pour-restore.ts'
import { pourBackup } from './pour.ts'
import type { PourBackupOptions, PourResult } from './pour.ts'

/** Backups and restores of named byte strings, without threads. */

export const NEVER: AbortSignal = new AbortController().signal

/** Reads and writes named byte strings: the smallest thread half there is. */
export function memoryHalf(files: Map<string, Buffer>, written: Map<string, Buffer> = new Map()): ThreadHalf {
  return {
    reader: () => {
      let open: Buffer = Buffer.alloc(0)
      return {
        open: (task) => {
          const found = files.get(Buffer.from(task).toString())
          if (found === undefined) throw new ItemError('It is gone')
          open = found
        },
        // Short reads, as files give them now and then.
        readInto: (buffer, offset, length, position) =>
          open.copy(buffer, offset, position, position + Math.min(length, 70_001)),
        close: () => ({}),
        end: () => undefined,
      }
    },
    writer: () => {
      let name = ''
      return {
        open: (task, size) => {
          name = Buffer.from(task).toString()
          if (!written.has(name)) written.set(name, Buffer.alloc(size))
        },
        write: (buffer, offset, length, position) =>
          void Buffer.from(buffer.buffer, buffer.byteOffset + offset, length).copy(
            written.get(name) as Buffer,
            position,
          ),
        close: () => undefined,
        end: () => undefined,
      }
    },
  }
}

export function pourOptions(vault: Vault, extra: Partial<PourBackupOptions> = {}): PourBackupOptions {
  return {
    vault,
    pointId: 'p1',
    jobId: 'j1',
    fence: 1,
    lease: heldLease(),
    resourceType: 'EFS',
    signal: NEVER,
    onProblem: (problem) => assert.fail(`${problem.item}: ${problem.reason}`),
    onProgress: () => undefined,
    threads: 0,
    ...extra,
  }
}

export async function pourFiles(
  vault: Vault,
  files: Map<string, Buffer>,
  extra: Partial<PourBackupOptions> = {},
  contentOf: (name: string, bytes: Buffer) => Content = (name) => ({
    from: 'range',
    task: Buffer.from(name),
  }),
): Promise<PourResult> {
  const pouring = await pourBackup(pourOptions(vault, { half: memoryHalf(files), ...extra }))
  pouring.sink.readWith({})
  for (const name of [...files.keys()].sort()) {
    const bytes = files.get(name) as Buffer
    const item = { key: Buffer.from(name), kind: 1, meta: Buffer.from([1]), size: bytes.length }
    await pouring.sink.add(item, contentOf(name, bytes))
  }
  return await pouring.finish({ a: 1 })
}

export async function restoreFiles(vault: Vault, pointId: string): Promise<Map<string, Buffer>> {
  const written = new Map<string, Buffer>()
  const reader = await openPointReader({
    vault,
    pointId,
    resourceType: 'EFS',
    signal: NEVER,
    onProgress: () => undefined,
    threads: 0,
    half: memoryHalf(new Map(), written),
  })
  const tasks = async function* () {
    for await (const page of reader.items()) yield page.map((item) => ({ item, task: item.key }))
  }
  const done = await reader.pour(tasks(), { writer: {}, signal: NEVER })
  assert.deepEqual(done.problems, [])
  assert.equal(done.written, reader.itemCount)
  assert.equal(done.bytes, reader.contentBytes)
  reader.close()
  return written
}

export function assertSame(found: Map<string, Buffer>, files: Map<string, Buffer>): void {
  assert.deepEqual([...found.keys()].sort(), [...files.keys()].sort())
  for (const [name, bytes] of files) assert.ok(bytes.equals(found.get(name) as Buffer), name)
}

/** Bytes that compress by half and differ from page to page. */
export function mixedBytes(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length)
  const page = createHash('shake256', { outputLength: 2048 }).update(String(seed)).digest()
  for (let at = 0; at < length; at += 4096) {
    page.copy(bytes, at)
    if (at + 4 <= length) bytes.writeUInt32LE(at ^ seed, at)
  }
  return bytes
}
