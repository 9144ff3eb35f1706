import { AsyncLocalStorage } from 'node:async_hooks'

/** The transaction that the present call chain is in. A finished one is left behind in what was started from it. */
const scope = new AsyncLocalStorage<{ isOpen: boolean }>()

/** Runs a transaction's work so that `refuseInTransaction` knows of it. */
export async function inTransaction<T>(work: () => Promise<T>): Promise<T> {
  const mark = { isOpen: true }
  try {
    return await scope.run(mark, work)
  } finally {
    mark.isOpen = false
  }
}

/** @throws Inside a transaction's work: what follows would wait for that transaction, and it for what follows. */
export function refuseInTransaction(): void {
  if (scope.getStore()?.isOpen === true) {
    throw new Error(
      'a query was made beside the transaction it is part of; run it on the transaction (`tx`), not on the store',
    )
  }
}

/** Runs `work` as part of no transaction: for what is shared by several call chains. */
export function outsideTransaction(work: () => void): void {
  scope.exit(work)
}
