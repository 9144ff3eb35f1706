import { isOfRestoreTest } from '../../kinds/restore-test.ts'
import type { Clock } from '../../lib/clock.ts'
import { Candidates } from '../../plans/candidates.ts'
import type { Candidate, SelectionDocument } from '../../plans/selection.ts'
import type { PlanRow } from '../../store/plans/plans.ts'
import { regionSettings } from '../../store/region-settings.ts'
import { listResources } from '../../store/resources/resources.ts'
import type { BackupSelectionTable } from '../../store/plans/schema-plans.ts'
import type { ResourceTable } from '../../store/schema.ts'
import type { Queryable } from '../../store/store.ts'
import { tagsOfAll } from '../../store/identity/tags.ts'

const PAGE = 1_000
/** In milliseconds. */
const MAX_AGE_MS = 2_000

/** What is known of a resource that a plan may mean. */
export interface PlannedResource
  extends Candidate, Pick<ResourceTable, 'unique_id' | 'name' | 'created_at'> {}

/** A resource that a run backs up, and the selection that names it. */
export interface Selected {
  readonly resource: PlannedResource
  readonly selection: BackupSelectionTable
}

interface View {
  readonly place: string
  readonly loadedAt: number
  readonly candidates: Candidates<PlannedResource>
  readonly isOptedIn: (type: string) => boolean
}

/**
 * The resources of one account and region at a time, as they were at one moment: the rules that are due together see the same, and load
 * them once. Nobody sees what is older than {@link MAX_AGE_MS}, which is how late the scheduler may be in any case.
 */
export class ResourceViews {
  readonly #clock: Clock
  #last: View | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * What the plan's selections mean: each resource once, by the first selection that names it. Whether that selection's role can do
   * the work is for the job to find out, so that what it cannot is seen as a failed job and not as silence.
   *
   * @param db A transaction, so that all that is loaded is of one moment.
   * @param rows The plan's selections.
   */
  async selectedBy(
    db: Queryable,
    plan: PlanRow,
    rows: readonly BackupSelectionTable[],
  ): Promise<readonly Selected[]> {
    const selections = rows.map((row) => ({
      row,
      document: JSON.parse(row.document) as SelectionDocument,
    }))
    if (selections.length === 0) return []
    const { candidates, isOptedIn } = await this.#viewOf(db, plan)
    return candidates
      .selectedBy(selections, isOptedIn)
      .map(({ resource, by }) => ({ resource, selection: by.row }))
  }

  async #viewOf(db: Queryable, { account_id, region }: PlanRow): Promise<View> {
    const place = `${account_id} ${region}`
    const now = this.#clock.monotonic()
    if (this.#last?.place === place && now - this.#last.loadedAt <= MAX_AGE_MS) return this.#last
    this.#last = undefined
    const { optIn } = await regionSettings(db, account_id, region)
    const candidates = new Candidates(await plannedResources(db, account_id, region))
    this.#last = { place, loadedAt: now, candidates, isOptedIn: (type) => optIn[type] !== false }
    return this.#last
  }
}

/** All but those that restore tests made. */
async function plannedResources(
  db: Queryable,
  accountId: string,
  region: string,
): Promise<readonly PlannedResource[]> {
  const found: PlannedResource[] = []
  let after: readonly string[] | undefined
  do {
    const { rows, next } = await listResources(db, { accountId, region }, { limit: PAGE, after })
    const tags = await tagsOfAll(
      db,
      accountId,
      rows.map(({ arn }) => arn),
    )
    for (const { arn, type, unique_id, name, created_at } of rows) {
      const one = { arn, type, unique_id, name, created_at, tags: tags.get(arn) ?? {} }
      if (!isOfRestoreTest(name, one.tags)) found.push(one)
    }
    after = next
  } while (after !== undefined)
  return found
}
