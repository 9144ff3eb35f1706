/**
 * Stands in for `node:test` while mutants are tried: collects what a test file declares and runs it here and now, in order, up to the
 * first failure. The runner of Node starts once a process, and a process a mutant would cost a hundred times what most mutants take.
 */
type Body = (context: { diagnostic(): void }) => unknown

let declared: (readonly [name: string, body: Body])[] = []

export function test(name: string, ...rest: readonly unknown[]): void {
  declared.push([name, rest.at(-1) as Body])
}

export function describe(_name: string, body: () => void): void {
  body()
}

/** Runs what was declared since the last call; returns the name of the first test that failed. */
export async function runDeclared(): Promise<string | undefined> {
  const tests = declared
  declared = []
  for (const [name, body] of tests) {
    try {
      await body({ diagnostic: () => {} })
    } catch {
      return name
    }
  }
  return undefined
}
