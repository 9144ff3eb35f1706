import { StoreFullError } from '../blobs/blob-store.ts'
import type { BlobStore } from '../blobs/blob-store.ts'

/**
 * Does what makes room in the end, such as deleting. Where the store is full it is begun once more with what the store kept back.
 * @param work Can be repeated from its start; it is told when it is to take as little room as it can.
 */
export async function withReserve<T>(store: BlobStore, work: (isTight: boolean) => Promise<T>): Promise<T> {
  try {
    return await work(false)
  } catch (error) {
    if (!(error instanceof StoreFullError)) throw error
    await store.releaseReserve()
    return await work(true)
  }
}
