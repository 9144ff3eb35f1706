import type { ResourceType } from '../kinds/kind.ts'
import { printable } from '../lib/log.ts'
import { DIRECTORY, FILE, SYMLINK, decodeMeta, displayKey, latin1Of } from './directory-meta.ts'
import { decodeMeta as decodeObject } from './s3-bucket-objects.ts'
import type { Item } from './driver.ts'

/** An item of a recovery point in words that people search by. */
export interface ItemFacts {
  /** A path, or an object's key: what `ItemsToRestore` takes, where it is UTF-8 without control characters. */
  readonly name: string
  readonly type: 'file' | 'directory' | 'link' | 'object' | 'other'
  /** Bytes of content. */
  readonly size: number
  /** Milliseconds since 1970. */
  readonly modifiedAt: number
}

const TYPES: ReadonlyMap<number, ItemFacts['type']> = new Map([
  [DIRECTORY, 'directory'],
  [FILE, 'file'],
  [SYMLINK, 'link'],
])

/** Undefined for kinds whose recovery points hold no items that can be found one by one: a database is one dump. */
export const ITEM_FACTS: Readonly<Record<ResourceType, ((item: Item) => ItemFacts) | undefined>> = {
  EFS: ({ key, kind, meta, size }) => ({
    name: displayKey(latin1Of(key)),
    type: TYPES.get(kind) ?? 'other',
    size,
    modifiedAt: Number(decodeMeta(meta).mtimeNs / 1_000_000n),
  }),
  S3: ({ key, meta, size }) => ({
    name: printable(Buffer.from(key).toString()),
    type: 'object',
    size,
    modifiedAt: decodeObject(meta).modifiedAt,
  }),
  RDS: undefined,
}
