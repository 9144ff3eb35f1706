import type { BlobLocation, BlobStore } from './blob-store.ts'
import { DiskBlobStore } from './disk.ts'

/** Opens the store that lies at `location`; the same in any thread. Nothing is made before the first write. */
export function openBlobStore(location: BlobLocation): BlobStore {
  return new DiskBlobStore(location.path)
}
