import type { Compilable, CompiledQuery } from 'kysely'
import type { Queryable } from './store.ts'

/**
 * A query that is built and compiled once for each store, for those that every request makes: that takes as long as running
 * it. `build` must hand each parameter on as it is, since it is called with others than those that are asked for later.
 *
 * @throws {TypeError} At the first use, where a parameter did not get into the query.
 */
export function prepared<P extends readonly unknown[], R>(
  build: (db: Queryable, ...parameters: P) => Compilable<R>,
): (db: Queryable, ...parameters: P) => Promise<R[]> {
  const known = new WeakMap<object, CompiledQuery<R>>()
  return async (db, ...parameters) => {
    const { adapter } = db.getExecutor()
    let query = known.get(adapter)
    if (query === undefined) {
      query = compile(build, db, parameters)
      known.set(adapter, query)
    }
    // Compiled queries hold a marker where a parameter belongs, and constants elsewhere.
    const bound = query.parameters.map((value) => (value instanceof Marker ? parameters[value.index] : value))
    return (await db.executeQuery<R>({ ...query, parameters: bound })).rows
  }
}

class Marker {
  readonly index: number

  constructor(index: number) {
    this.index = index
  }
}

function compile<P extends readonly unknown[], R>(
  build: (db: Queryable, ...parameters: P) => Compilable<R>,
  db: Queryable,
  parameters: P,
): CompiledQuery<R> {
  const markers = parameters.map((_, index) => new Marker(index))
  // Kysely binds whatever value it is given, and never looks at it.
  const query = build(db, ...(markers as unknown as P)).compile()
  const bound = new Set(query.parameters)
  const lost = markers.find((marker) => !bound.has(marker))
  if (lost !== undefined)
    throw new TypeError(`Cannot prepare "${query.sql}": parameter ${lost.index + 1} is not in it`)
  return query
}
