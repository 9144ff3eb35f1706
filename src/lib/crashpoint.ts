let wanted: { readonly name: string; left: number } | undefined | null = null
let passed: ((name: string) => void) | undefined

/**
 * A place where a crash test may end this process at once, as a power cut would. Does nothing unless the environment names it:
 * ROLEBACK_CRASH_AT=<name> or <name>:<n> for the n-th time it is passed.
 */
export function crashpoint(name: string): void {
  passed?.(name)
  if (wanted === null) wanted = parse(process.env['ROLEBACK_CRASH_AT'])
  if (wanted === undefined || wanted.name !== name || --wanted.left > 0) return
  process.kill(process.pid, 'SIGKILL')
  // The signal is not always delivered before the next statement.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}

/** For simulations, whose many processes are one: `listener` is told of each place that is passed, and throws where one ends. */
export function onCrashpoint(listener: (name: string) => void): Disposable {
  passed = listener
  return { [Symbol.dispose]: () => (passed = undefined) }
}

function parse(text: string | undefined): { name: string; left: number } | undefined {
  if (text === undefined || text === '') return undefined
  const [name = '', count = '1'] = text.split(':')
  return { name, left: Number(count) }
}
