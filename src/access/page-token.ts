import type { ServerKey } from '../keyring/server-key.ts'
import { SealError } from '../keyring/server-key.ts'

/** Whose list it continues: a token works for the same account and the same list only. */
export interface PageOwner {
  readonly accountId: string
  /** The operation and what narrows its list, e.g. `ListBackupJobs`. */
  readonly list: string
}

/** Seals where a list goes on, so that tokens can neither be forged nor used for another list or account. */
export function sealPage(key: ServerKey, owner: PageOwner, cursor: readonly string[]): string {
  return key.seal('page-token', ownerOf(owner), Buffer.from(JSON.stringify(cursor)))
}

/** The cursor in a page token; undefined where the token is not one of this list. */
export function openPage(key: ServerKey, owner: PageOwner, token: string): readonly string[] | undefined {
  try {
    return JSON.parse(key.open('page-token', ownerOf(owner), token).toString()) as string[]
  } catch (error) {
    if (error instanceof SealError) return undefined
    throw error
  }
}

function ownerOf(owner: PageOwner): string {
  return `${owner.accountId}\0${owner.list}`
}
