/**
 * `npm run bench -- console`: how long it takes from opening the console in a new tab, with nothing cached, to an overview that one can
 * click in. Somebody is signed in; the server has a month of backups.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext } from 'playwright-core'
import { serverProcess } from '../../test/fixtures/server-process.ts'
import { launch, missing, signInWithKey } from './browser.ts'
import { backdate, fill } from './filled.ts'
import { firstLoad } from './first-load.ts'

const ROUNDS = 7
const TARGET_MS = 1_500

if (missing !== false) throw new Error(missing)
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
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round++) times.push(await timeToOverview(context))
  const [least = 0, median = 0, most = 0] = [0, Math.floor(ROUNDS / 2), ROUNDS - 1].map(
    (at) => times.toSorted((a, b) => a - b)[at],
  )
  const bytes = [...firstLoad().values()].reduce((sum, size) => sum + size, 0)
  process.stdout.write(
    `overview interactive: ${Math.round(median)} ms (${Math.round(least)} to ${Math.round(most)}, target at most ${TARGET_MS})\n` +
      `first load: ${bytes} bytes of gzipped JavaScript\nload ${loadavg()[0]?.toFixed(1) ?? ''}\n`,
  )
} finally {
  await browser.close()
  await server.kill('SIGTERM')
  rmSync(folder, { recursive: true, force: true })
}

async function timeToOverview(context: BrowserContext): Promise<number> {
  const page = await context.newPage()
  const cache = await context.newCDPSession(page)
  await cache.send('Network.setCacheDisabled', { cacheDisabled: true })
  const startedAt = performance.now()
  await page.goto(`${server.url}/console/`, { waitUntil: 'commit' })
  await page.locator('[data-screen="/"][aria-busy="false"]').waitFor()
  await page.getByText('Failed in 24 hours').first().waitFor()
  const ms = performance.now() - startedAt
  await page.close()
  return ms
}
