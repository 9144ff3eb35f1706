import {
  BlobExistsError,
  BlobNotFoundError,
  BlobTooLargeError,
  BlobTooShortError,
  StoreFullError,
} from '../blobs/blob-store.ts'
import { StorageError } from '../blobs/storage-error.ts'
import { ItemError } from '../drivers/driver.ts'
import { ChunkMissingError, VaultDamageError } from '../vault/errors.ts'

/**
 * An error on its way out of a thread. Cloned as it is, it would come out as an `Error` without its class and fields: a full disk or a
 * bucket that is busy would be no more than a sentence.
 */
export interface CrossedError {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  /** Its own fields that are plain values: `code`, `status`, `blob`. */
  readonly fields: Readonly<Record<string, unknown>>
  readonly cause: CrossedError | undefined
}

/** What somebody asks for by class. Others come out as an `Error` with their fields. */
const CLASSES: readonly { readonly name: string; readonly prototype: Error }[] = [
  BlobExistsError,
  BlobNotFoundError,
  BlobTooLargeError,
  BlobTooShortError,
  ChunkMissingError,
  ItemError,
  StorageError,
  StoreFullError,
  VaultDamageError,
]
const MAX_CAUSES = 6
const PLAIN: readonly string[] = ['string', 'number', 'boolean']

/** @param depth How many errors it is a cause of; chains longer than `MAX_CAUSES` are cut. */
export function toCrossed(error: unknown, depth: number = 0): CrossedError {
  if (!(error instanceof Error)) {
    return { name: 'Error', message: String(error), stack: undefined, fields: {}, cause: undefined }
  }
  const { name, message, stack, cause } = error
  const fields = Object.entries(error).filter(([, value]) => PLAIN.includes(typeof value))
  return {
    name,
    message,
    stack,
    fields: Object.fromEntries(fields),
    cause: cause === undefined || depth === MAX_CAUSES ? undefined : toCrossed(cause, depth + 1),
  }
}

/** The error anew, with its stack, its fields and its causes. */
export function fromCrossed({ name, message, stack, fields, cause }: CrossedError): Error {
  const error = new Error(message, cause === undefined ? undefined : { cause: fromCrossed(cause) })
  const known = CLASSES.find((one) => one.name === name)
  // Their constructors make messages of what they are given; this one is made already.
  if (known !== undefined) Object.setPrototypeOf(error, known.prototype)
  return Object.assign(error, fields, stack === undefined ? {} : { stack })
}
