import type { MessagePort } from 'node:worker_threads'
import {
  BlobExistsError,
  BlobNotFoundError,
  BlobTooLargeError,
  BlobTooShortError,
  RetentionError,
} from './blob-store.ts'
import type { BlobFeatures, BlobInfo, Retention } from './blob-store.ts'
import type { BandwidthSchedule } from './bandwidth.ts'
import type { BlobPage, Unfinished } from './object-blobs.ts'
import type { ObjectBytes } from './object-store.ts'
import type { RetryPolicy } from './retrying.ts'
import type { S3Settings } from './s3-objects.ts'
import { StorageError } from './storage-error.ts'

/**
 * What a store in one thread (thread-store.ts) and the thread that has its connections (storage-thread.ts) say to each other: each
 * question gets one answer with its number, in any order. Bytes are transferred, not copied.
 */

/** One bucket, or the part of it below a prefix. */
export interface S3StoreSettings extends S3Settings {
  /** Empty, or ends in `/`. */
  readonly prefix: string
  readonly retry?: RetryPolicy
  readonly bandwidth?: BandwidthSchedule | undefined
}

/** To the thread itself. */
export interface AttachMessage {
  readonly settings: S3StoreSettings
  readonly port: MessagePort
  readonly answers: SharedArrayBuffer
}

/** What can be asked, with what it is asked with and what comes back. */
export interface Questions {
  readonly list: readonly [{ readonly prefix: string; readonly next: string | undefined }, BlobPage]
  readonly stat: readonly [{ readonly name: string }, BlobInfo | undefined]
  readonly get: readonly [{ readonly name: string; readonly maxBytes: number }, Uint8Array]
  /** Its first bytes, as it is now. */
  readonly open: readonly [
    { readonly name: string; readonly length: number; readonly isAfresh: boolean },
    ObjectBytes,
  ]
  readonly read: readonly [
    {
      readonly name: string
      readonly from: number
      readonly length: number
      readonly isAfresh: boolean
    },
    ObjectBytes,
  ]
  readonly put: readonly [
    { readonly name: string; readonly bytes: Uint8Array; readonly retention: Retention | undefined },
    void,
  ]
  readonly putParts: readonly [
    {
      readonly name: string
      readonly parts: readonly Uint8Array[]
      readonly retention: Retention | undefined
    },
    void,
  ]
  readonly delete: readonly [{ readonly name: string }, boolean]
  readonly listUnfinished: readonly [Record<string, never>, readonly Unfinished[]]
  readonly giveUp: readonly [{ readonly unfinished: readonly Unfinished[] }, void]
  readonly removeAll: readonly [Record<string, never>, void]
  readonly features: readonly [Record<string, never>, BlobFeatures]
  readonly extendRetention: readonly [{ readonly name: string; readonly retainUntil: number }, void]
  readonly retainedUntil: readonly [{ readonly name: string }, number | undefined]
  /** Lets another thread ask the same store. */
  readonly share: readonly [{ readonly port: MessagePort; readonly answers: SharedArrayBuffer }, void]
}

export type Question = {
  readonly [Kind in keyof Questions]: {
    readonly kind: Kind
    readonly number: number
    readonly about: Questions[Kind][0]
  }
}[keyof Questions]

export interface Answer {
  readonly number: number
  readonly value?: unknown
  readonly error?: WireError
}

/** Errors lose their class when they cross; this is what it takes to make them anew. */
export interface WireError {
  readonly name: string
  readonly message: string
  readonly blob: string | undefined
  readonly code: string | undefined
  readonly status: number | undefined
  readonly isTransient: boolean
}

/** What there is to tell of an error on the other side of a port. */
export function toWire(error: unknown): WireError {
  const { name, message, blob, code, status } = error as Partial<WireError> & Error
  const isTransient = error instanceof StorageError && error.isTransient
  return { name, message, blob, code, status, isTransient }
}

/** The error anew, of its class where who calls branches on that. */
export function fromWire(error: WireError): Error {
  switch (error.name) {
    case 'BlobNotFoundError':
      return new BlobNotFoundError(error.blob ?? '')
    case 'BlobExistsError':
      return new BlobExistsError(error.blob ?? '')
    case 'RetentionError':
      return new RetentionError(error.blob ?? '')
    case 'BlobTooLargeError':
      return new BlobTooLargeError(error.message)
    case 'BlobTooShortError':
      return new BlobTooShortError(error.message)
    case 'StorageError': {
      const { code = 'UnknownError', status, isTransient } = error
      return new StorageError(error.message, { code, status, isTransient })
    }
    default:
      return new Error(error.message)
  }
}
