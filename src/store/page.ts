/**
 * Lists come in pages by key, never by offset: what is inserted or deleted between two pages neither repeats nor hides a row.
 * A cursor is the sort key of a page's last row, as text.
 */
export type Cursor = readonly string[]

export interface PageRequest {
  /** Rows at most; 1 or more. */
  readonly limit: number
  /** `next` of the page before. */
  readonly after?: Cursor | undefined
}

export interface Page<Row> {
  readonly rows: readonly Row[]
  /** Undefined on the last page. */
  readonly next?: Cursor | undefined
}

/** A cursor that no page has given. */
export class InvalidCursorError extends Error {
  override name = 'InvalidCursorError'

  constructor() {
    super('the cursor is not one of this list')
  }
}

/** Makes a page of up to `limit + 1` rows: the one too many says that there are more. */
export function pageOf<Row>(
  rows: readonly Row[],
  limit: number,
  key: (row: Row) => readonly (string | number)[],
): Page<Row> {
  if (rows.length <= limit) return { rows }
  const kept = rows.slice(0, limit)
  return { rows: kept, next: key(kept.at(-1) as Row).map(String) }
}

/** The parts of a (time, id) cursor. @throws {InvalidCursorError} */
export function timeCursor(cursor: Cursor): readonly [number, string] {
  const [at, id] = cursor
  if (cursor.length !== 2 || at === undefined || id === undefined || !/^-?\d{1,16}$/.test(at)) {
    throw new InvalidCursorError()
  }
  return [Number(at), id]
}

/** The part of a cursor by one text column. @throws {InvalidCursorError} */
export function textCursor(cursor: Cursor): string {
  const [text] = cursor
  if (cursor.length !== 1 || text === undefined) throw new InvalidCursorError()
  return text
}

/** The part of a cursor by one number of 0 or more. @throws {InvalidCursorError} */
export function numberCursor(cursor: Cursor): number {
  const [text] = cursor
  if (cursor.length !== 1 || text === undefined || !/^\d{1,15}$/.test(text)) throw new InvalidCursorError()
  return Number(text)
}
