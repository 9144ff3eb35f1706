import type { Page, PageRequest } from '../store/page.ts'
import type { Queryable } from '../store/store.ts'
import { allRows } from './all-rows.ts'
import { CONTROLS } from './controls.ts'
import type { FrameworkControl } from './controls.ts'
import type { Finding } from './finding.ts'
import { planFindings } from './plan-findings.ts'
import { pointFindings } from './point-findings.ts'
import { resourceFindings } from './resource-findings.ts'
import { vaultFindings } from './vault-findings.ts'

/** Where and when a control is evaluated. */
export interface Place {
  readonly accountId: string
  readonly region: string
  readonly now: number
}

/** The findings of one page of what a control looks at; of what is out of its scope there are none, so a page may be empty. */
export type FindingsOf = (page: PageRequest) => Promise<Page<Finding>>

/**
 * Makes a control ready to be evaluated page by page, from this server's own rows: what holds for all of them (plans, vaults) is read
 * once, here.
 */
export async function findingsOf(
  db: Queryable,
  place: Place,
  control: FrameworkControl,
): Promise<FindingsOf> {
  switch (CONTROLS[control.ControlName]?.subject) {
    case 'plan':
      return planFindings(db, place, control)
    case 'vault':
      return vaultFindings(db, place, control)
    case 'recovery point':
      return pointFindings(db, place, control)
    case 'resource':
      return await resourceFindings(db, place, control)
    case undefined:
      throw new Error(`control "${control.ControlName}" in the store is none of this version`)
  }
}

/** Every finding of a control, a page in memory at a time. */
export async function* allFindings(
  db: Queryable,
  place: Place,
  control: FrameworkControl,
): AsyncGenerator<Finding, void, void> {
  yield* allRows(await findingsOf(db, place, control))
}
