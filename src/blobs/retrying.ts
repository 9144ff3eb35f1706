import { retry } from '../lib/retry.ts'
import type { ObjectStore } from './object-store.ts'
import { StorageError } from './storage-error.ts'

export interface RetryPolicy {
  /** Tries of one request in all. */
  readonly attempts: number
  /** Before the second try at most, in milliseconds; doubles each time, the wait itself a random part of it. */
  readonly minDelayMs: number
  readonly maxDelayMs: number
  /** No try begins later than this after the first, in milliseconds. */
  readonly withinMs: number
}

/** About two minutes of waiting in all: longer is the job's to wait, which gives its lease back meanwhile. */
export const DEFAULT_RETRY: RetryPolicy = {
  attempts: 8,
  minDelayMs: 100,
  maxDelayMs: 20_000,
  withinMs: 300_000,
}

/**
 * The same store, each request tried again after what may pass by itself. A request whose answer was lost may have had its effect:
 * calls of an ObjectStore may be repeated.
 */
export function retrying(objects: ObjectStore, policy: RetryPolicy = DEFAULT_RETRY): ObjectStore {
  const again = <T>(action: () => Promise<T>): Promise<T> =>
    retry(action, {
      ...policy,
      isRetryable: (error) => error instanceof StorageError && error.isTransient,
    })
  return {
    list: (prefix, next) => again(() => objects.list(prefix, next)),
    head: (key) => again(() => objects.head(key)),
    get: (key, what) => again(() => objects.get(key, what)),
    put: (key, bytes, retention) => again(() => objects.put(key, bytes, retention)),
    delete: (keys) => again(() => objects.delete(keys)),
    beginUpload: (key, retention) => again(() => objects.beginUpload(key, retention)),
    uploadPart: (upload, number, bytes) => again(() => objects.uploadPart(upload, number, bytes)),
    completeUpload: (upload, parts) => again(() => objects.completeUpload(upload, parts)),
    abortUpload: (upload) => again(() => objects.abortUpload(upload)),
    listUploads: (prefix) => again(() => objects.listUploads(prefix)),
    features: () => again(() => objects.features()),
    retention: (key) => again(() => objects.retention(key)),
    retain: (key, retention, isGoverned) => again(() => objects.retain(key, retention, isGoverned)),
    close: () => objects.close(),
  }
}
