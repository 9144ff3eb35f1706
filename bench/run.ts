/**
 * `npm run bench -- NAME...`: prints one line a figure, with the machine's load and a SHA-256 calibration beside them. Figures against
 * other tools are ratios of one call, taken in turn. BENCH_ROUNDS (default 3) says how often the vault's are taken, BENCH_PASSES
 * (default warm,cold,limit) which of their passes.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const BENCHES: Readonly<Record<string, () => Promise<void>>> = {
  http: async () => (await import('./http.ts')).run(),
  sigv4: async () => (await import('./sigv4.ts')).run(),
  policy: async () => (await import('./policy.ts')).run(),
  vault: async () => (await import('./vault.ts')).run(['mixed', 'small', 'large']),
  'vault-s3': async () => (await import('./vault-s3.ts')).run(),
  'vault-server': async () => (await import('./vault-server.ts')).run(),
  'vault-manifest': async () => (await import('./vault-manifest.ts')).run(),
  console: async () => await Promise.resolve(runScript('console/test/overview-bench.ts')),
  rebuild: async () => (await import('./rebuild.ts')).run(),
  catalogue: async () => (await import('./catalogue.ts')).run(),
  events: async () => (await import('./events.ts')).run(),
  'event-queue': async () => (await import('./event-queue.ts')).run(),
  scheduler: async () => (await import('./scheduler.ts')).run(),
  year: async () => (await import('./year.ts')).run(),
  'vault-index': async () => (await import('./vault-index.ts')).run(),
  'vault-mixed': async () => (await import('./vault.ts')).run(['mixed']),
  'vault-small': async () => (await import('./vault.ts')).run(['small']),
  'vault-large': async () => (await import('./vault.ts')).run(['large']),
}

const chosen = process.argv.slice(2)
const unknown = chosen.filter((name) => BENCHES[name] === undefined)
if (chosen.length === 0 || unknown.length > 0) {
  process.stderr.write(`usage: npm run bench -- ${Object.keys(BENCHES).join('|')}\n`)
  process.exit(2)
}
for (const name of chosen) await BENCHES[name]?.()

/** What needs the browser's types is a program of the console's own. */
function runScript(path: string): void {
  const file = join(import.meta.dirname, '..', path)
  if (spawnSync(process.execPath, [file], { stdio: 'inherit' }).status !== 0) process.exitCode = 1
}
