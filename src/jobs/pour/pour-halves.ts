import type { ThreadHalf } from '../../drivers/driver.ts'
import { directoryIo } from '../../drivers/directory/directory-io.ts'
import type { ResourceType } from '../../kinds/kind.ts'

const NONE: ThreadHalf = {
  reader: () => {
    throw new Error('Cannot read in a thread: this kind of resource gives streams')
  },
  writer: () => {
    throw new Error('Cannot write in a thread: this kind of resource takes streams')
  },
}

/** What a kind's driver does inside pour threads; kinds that only stream do nothing there. */
export const THREAD_HALVES: Readonly<Record<ResourceType, ThreadHalf>> = {
  EFS: directoryIo,
  RDS: NONE,
  S3: NONE,
}
