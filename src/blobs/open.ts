import type { MessagePort } from 'node:worker_threads'
import type { BlobLocation, BlobStore } from './blob-store.ts'
import { DiskBlobStore } from './disk.ts'
import { ThreadBlobStore } from './thread-store.ts'

/** Opens the store that lies at `location`; the same in any thread. Nothing is made before the first write. */
export function openBlobStore(location: BlobLocation): BlobStore {
  switch (location.kind) {
    case 'directory':
      return new DiskBlobStore(location.path)
    case 'thread':
      return new ThreadBlobStore(location)
  }
}

/** What must be transferred with a location that crosses to a thread. */
export function portsIn(location: BlobLocation): MessagePort[] {
  switch (location.kind) {
    case 'directory':
      return []
    case 'thread':
      return [location.port]
  }
}
