/**
 * `npm run bench -- console`: how long it takes from opening the console in a new tab, with nothing cached, to a screen that one can
 * click in: with a month of backups of a small company, and with as much as a server is made for. Somebody is signed in.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext } from 'playwright-core'
import { serverProcess } from '../../test/fixtures/server-process.ts'
import { launch, missing, signInWithKey } from './browser.ts'
import { backdate, fill } from './filled.ts'
import { firstLoad } from './first-load.ts'
import { grow } from './grown.ts'

const ROUNDS = 7
const TARGET_MS = 1_500
const RESOURCES = 100_000
const POINTS = 1_000_000
const JOBS = 1_000_000
/** Each with what stands on it once it can be used. */
const SCREENS = [
  ['overview', '/', 'Failed in 24 h'],
  ['resources', '/resources', 'Last backup'],
  ['unprotected resources', '/resources?show=unprotected', 'Last backup'],
  ['overdue resources', '/resources?show=overdue', 'Last backup'],
  ['vault', '/vaults/production', 'Kept until'],
] as const

if (missing !== false) throw new Error(missing)
const build = join(import.meta.dirname, '..', '..', 'scripts', 'build-console.mjs')
if (spawnSync(process.execPath, [build], { stdio: 'inherit' }).status !== 0) process.exit(1)
const folder = mkdtempSync(join(tmpdir(), 'roleback-bench-'))
const server = await serverProcess(join(folder, 'data'))
const browser = await launch()
try {
  await server.start()
  await fill(server, folder)
  await server.kill('SIGTERM')
  backdate(join(folder, 'data'))
  await server.start()
  const context = await browser.newContext()
  const page = await context.newPage()
  await signInWithKey(page, server.url, server.rootKey)
  await page.goto('about:blank')
  await tell(context, 'a month of six resources')
  const bytes = [...firstLoad().values()].reduce((sum, size) => sum + size, 0)
  process.stdout.write(
    `first load: ${bytes} bytes of gzipped JavaScript\nload ${loadavg()[0]?.toFixed(1) ?? ''}\n`,
  )
  await server.kill('SIGTERM')
  const began = performance.now()
  grow(join(folder, 'data'), RESOURCES, POINTS, JOBS)
  process.stdout.write(`grown in ${Math.round((performance.now() - began) / 1000)} s\n`)
  await server.start()
  await tell(context, `${RESOURCES} resources, ${POINTS} recovery points and ${JOBS} backup jobs`)
} finally {
  await browser.close()
  await server.kill('SIGTERM')
  rmSync(folder, { recursive: true, force: true })
}

/** Sessions outlive the server: the tab that is signed in goes on. */
async function tell(of: BrowserContext, what: string): Promise<void> {
  for (const [name, path, text] of SCREENS) {
    const times: number[] = []
    for (let round = 0; round < ROUNDS; round++) times.push(await timeTo(of, path, text))
    const [least = 0, median = 0, most = 0] = [0, Math.floor(ROUNDS / 2), ROUNDS - 1].map(
      (at) => times.toSorted((a, b) => a - b)[at],
    )
    process.stdout.write(
      `${name} interactive, ${what}: ${Math.round(median)} ms (${Math.round(least)} to ${Math.round(most)}` +
        `${path === '/' ? `, target at most ${TARGET_MS}` : ''})\n`,
    )
  }
}

async function timeTo(of: BrowserContext, path: string, text: string): Promise<number> {
  const page = await of.newPage()
  const cache = await of.newCDPSession(page)
  await cache.send('Network.setCacheDisabled', { cacheDisabled: true })
  const startedAt = performance.now()
  await page.goto(`${server.url}/console${path}`, { waitUntil: 'commit' })
  await page.getByText(text).first().waitFor({ timeout: 120_000 })
  const ms = performance.now() - startedAt
  await page.close()
  return ms
}
