import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { serverProcess } from '../../test/fixtures/server-process.ts'
import type { ServerProcess } from '../../test/fixtures/server-process.ts'
import { complaintsOf, launch, missing, signInWithKey } from './browser.ts'
import { fill } from './filled.ts'
import { goTo, screensOf, violationsOf } from './screens.ts'

/** Every screen with something on it: no serious violation of accessibility, no complaint of the page, in light and dark. */

/** The slowest rule by far, and all that differs in the dark: tried where all kinds of parts are. */
const COLOURS = ['color-contrast']
const WITHOUT_COLOURS = { 'color-contrast': { enabled: false } }
const WITH_ALL_PARTS = new Set([
  'overview',
  'resource',
  'resource-add',
  'plan',
  'job-denied',
  'vault-lock',
  'restore',
  'access-pass',
  'access-user-unused',
  'access-policy',
  'explain',
  'audit',
  'settings',
  'settings-health',
])

const folder = mkdtempSync(join(tmpdir(), 'roleback-console-'))
let server: ServerProcess
let browser: Browser
let screens: ReadonlyMap<string, string>

before(async () => {
  if (missing !== false) return
  server = await serverProcess(join(folder, 'data'))
  await server.start()
  screens = screensOf(await fill(server, folder))
  browser = await launch()
})

after(async () => {
  if (missing === false) {
    await browser.close()
    await server.kill('SIGTERM')
  }
  rmSync(folder, { recursive: true, force: true })
})

for (const scheme of ['light', 'dark'] as const) {
  test(`no screen has a serious violation of accessibility (${scheme})`, { skip: missing }, async () => {
    const context = await browser.newContext({ colorScheme: scheme, reducedMotion: 'reduce' })
    const page = await context.newPage()
    const complaints = complaintsOf(page)
    await signInWithKey(page, server.url, server.rootKey)
    const found: string[] = []
    for (const [name, path] of screens) {
      const isColoured = WITH_ALL_PARTS.has(name)
      if (scheme === 'dark' && !isColoured) continue
      await goTo(page, path)
      const only = scheme === 'dark' ? { runOnly: COLOURS } : { rules: isColoured ? {} : WITHOUT_COLOURS }
      for (const violation of await violationsOf(page, only)) found.push(`${path}: ${violation}`)
    }
    assert.deepEqual(found, [])
    assert.deepEqual(complaints, [])
    await context.close()
  })
}
