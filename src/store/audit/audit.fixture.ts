import { createHmac } from 'node:crypto'
import type { AuditChain } from './audit-chain.ts'
import { openAuditChain } from './audit-chain.ts'
import type { AuditMac } from './audit-heads.ts'
import type { Store } from '../store.ts'

/** A key as the server's would be. */
export const testMac: AuditMac = (text) => createHmac('sha256', 'key of the tests').update(text).digest('hex')

/** Lets records be written to a store that no server has opened. */
export function openTestChain(store: Store, writer = 'a test'): AuditChain {
  return openAuditChain(store, { mac: testMac, accountId: '999999999999', writer, now: () => Date.now() })
}
