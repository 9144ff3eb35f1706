import type { Cursor, Page, PageRequest } from '../store/page.ts'

/** Rows read in one go. */
const PAGE = 1_000

/** Every row of a list. */
export async function* allRows<Row>(
  list: (page: PageRequest) => Promise<Page<Row>>,
): AsyncGenerator<Row, void, void> {
  let after: Cursor | undefined
  do {
    const { rows, next } = await list({ limit: PAGE, after })
    yield* rows
    after = next
  } while (after !== undefined)
}
