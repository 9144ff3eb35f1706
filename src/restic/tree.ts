import { printable } from '../lib/log.ts'
import { nameProblem } from './names.ts'
import type { ResticNode } from './node.ts'
import { nodeJson } from './node.ts'
import type { BlobWriter } from './packs.ts'

/** A node that restic could not restore or that came out of order. */
export class ResticNodeError extends Error {
  override name = 'ResticNodeError'
}

/** A directory is one JSON text, which restic also holds whole: about 1.5 million files of short names. */
const MAX_TREE_BYTES = 480 * 1024 * 1024 - 16
/** Far more than a path of PATH_MAX bytes can have. */
const MAX_DEPTH = 4096

interface OpenDirectory {
  /** Undefined for the root of the tree. */
  readonly node: ResticNode | undefined
  readonly children: { readonly name: Buffer; readonly json: string }[]
  bytes: number
}

/** A path for people. */
export function showPath(path: readonly Uint8Array[]): string {
  return printable(path.map((name) => Buffer.from(name).toString()).join('/'))
}

function assertPath(path: readonly Uint8Array[]): void {
  if (path.length === 0 || path.length > MAX_DEPTH) {
    throw new ResticNodeError(`a path of ${path.length} names cannot be exported to restic`)
  }
  for (const name of path) {
    const problem = nameProblem(name)
    if (problem === undefined) continue
    throw new ResticNodeError(
      `exporting "${showPath(path)}" to restic was refused: restic does not restore the name ` +
        `"${printable(Buffer.from(name).toString())}" (${problem}); write it with escapeName()`,
    )
  }
}

/**
 * Turns nodes in depth-first order into tree blobs, leaves first. Only the directories from the root to the last node are held.
 */
export class TreeWriter {
  readonly #blobs: BlobWriter
  readonly #open: OpenDirectory[] = [{ node: undefined, children: [], bytes: 0 }]

  constructor(blobs: BlobWriter) {
    this.#blobs = blobs
  }

  /** Closes the directories that `node` is not in. @throws {ResticNodeError} When its own is not open. */
  async enter(node: ResticNode): Promise<void> {
    const { path } = node
    assertPath(path)
    let depth = 0
    while (depth < path.length - 1 && depth + 1 < this.#open.length) {
      const openName = this.#open[depth + 1]?.node?.path[depth]
      if (openName === undefined || Buffer.compare(openName, path[depth] as Uint8Array) !== 0) break
      depth++
    }
    if (depth < path.length - 1) {
      throw new ResticNodeError(
        `exporting "${showPath(path)}" to restic failed: its directory "${showPath(path.slice(0, depth + 1))}" is not open; ` +
          'a directory must come right before everything that is in it',
      )
    }
    while (this.#open.length > path.length) await this.#close()
  }

  /** Adds a node after `enter`; a directory stays open. */
  add(node: ResticNode, content: readonly string[] | undefined): void {
    if (node.type === 'dir') this.#open.push({ node, children: [], bytes: 0 })
    else this.#addChild(node, nodeJson(node, content === undefined ? {} : { content }))
  }

  /** Closes everything; returns the root tree's id. */
  async finish(): Promise<string> {
    while (this.#open.length > 1) await this.#close()
    return await this.#save(this.#open[0] as OpenDirectory)
  }

  #addChild(node: ResticNode, json: string): void {
    const directory = this.#open.at(-1) as OpenDirectory
    directory.children.push({ name: Buffer.from(node.path.at(-1) as Uint8Array), json })
    directory.bytes += Buffer.byteLength(json) + 1
    if (directory.bytes <= MAX_TREE_BYTES) return
    throw new ResticNodeError(
      `exporting the directory "${showPath(node.path.slice(0, -1))}" to restic failed: with ${directory.children.length} ` +
        `entries its tree is over ${MAX_TREE_BYTES} bytes; export its parts one by one`,
    )
  }

  async #close(): Promise<void> {
    const directory = this.#open.pop() as OpenDirectory
    const subtree = await this.#save(directory)
    const node = directory.node as ResticNode
    this.#addChild(node, nodeJson(node, { subtree }))
  }

  async #save({ node, children }: OpenDirectory): Promise<string> {
    const sorted = children.toSorted((a, b) => Buffer.compare(a.name, b.name))
    for (let i = 1; i < sorted.length; i++) {
      const name = sorted[i]?.name as Buffer
      if (!name.equals(sorted[i - 1]?.name as Buffer)) continue
      throw new ResticNodeError(
        `exporting to restic failed: "${showPath([...(node?.path ?? []), name])}" came twice in its directory`,
      )
    }
    const json = `{"nodes":[${sorted.map((child) => child.json).join(',')}]}\n`
    return await this.#blobs.put('tree', Buffer.from(json))
  }
}
