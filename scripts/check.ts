/**
 * The checks beside the tests: formatting, lint, types, unused code, generated files. Runs all, as many at once as there are cores, and
 * says which failed.
 */
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'

const checks: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ['format', 'node_modules/.bin/oxfmt', '--check'],
  ['lint', 'node_modules/.bin/oxlint', '--type-aware', '--deny-warnings'],
  ['types', 'node_modules/.bin/tsc', '-p', '.'],
  ['types of the console', 'node_modules/.bin/tsc', '-p', 'console'],
  ['unused code', 'node_modules/.bin/knip'],
  ['generated types', process.execPath, 'tools/generate.ts', '--check'],
  ['chunker kernel', process.execPath, 'tools/build-gear.ts', '--check'],
  ['poly1305 kernel', process.execPath, 'tools/build-poly1305.ts', '--check'],
  ['managed policies', process.execPath, 'tools/build-read-only-access.ts', '--check'],
  ['service reference', process.execPath, 'tools/build-service-reference.ts', '--check'],
  ['policy docs', process.execPath, 'tools/policy-docs.ts', '--check'],
  ['compatibility', process.execPath, 'tools/compatibility.ts', '--check'],
  ['condition keys', process.execPath, 'tools/condition-keys.ts', '--check'],
  ['rights matrix', process.execPath, 'tools/rights-matrix.ts'],
]

const failed: string[] = []
const waiting = [...checks]
await Promise.all(Array.from({ length: availableParallelism() }, takeOneByOne))

async function takeOneByOne(): Promise<void> {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const [name, command, ...args] = next
    const startedAt = performance.now()
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const output: Buffer[] = []
    child.stdout.on('data', (bytes: Buffer) => output.push(bytes))
    child.stderr.on('data', (bytes: Buffer) => output.push(bytes))
    const status = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    process.stdout.write(
      `${Buffer.concat(output).toString()}${status === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)\n`,
    )
    if (status !== 0) failed.push(name)
  }
}

if (failed.length > 0) {
  process.stdout.write(`check: ${failed.length} of ${checks.length} failed: ${failed.join(', ')}\n`)
  process.exit(1)
}
