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

/** Every screen with something on it, and each kind of dialog: no serious violation of accessibility, no complaint of the page, in light and dark. */

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

/** Each kind of dialog, by its screen and the buttons that lead to it. */
const DIALOGS: readonly (readonly [path: string, ...buttons: readonly (string | RegExp)[]])[] = [
  ['/vaults/production?tab=health', 'Repair', 'The same on the command line'],
  ['/vaults/archive?tab=lock', 'Change lock', 'The same with the aws CLI'],
  ['/vaults/production', /^Copy /],
  ['/vaults/offsite', 'Delete'],
  ['/resources/discovery', 'Create rule'],
  ['/resources/discovery?rule=shares', 'Register team-red'],
  ['/restore-testing', 'Create restore testing plan', 'Add validator'],
  ['/access?tab=roles', 'Create role'],
  ['/access?tab=policies', 'Create policy'],
  ['/access/user/dba?tab=keys', 'Create access key'],
  ['/frameworks', 'Create framework'],
  ['/reports', 'Create report plan'],
  ['/settings?tab=notifications', 'Add target'],
  ['/settings?tab=storage', 'Add storage'],
]
/** A form with a role, what a word is typed into, and a form with all kinds of fields: the parts of all others. */
const COLOURED_DIALOGS = new Set([
  '/vaults/production?tab=health',
  '/vaults/archive?tab=lock',
  '/resources/discovery',
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
  test(
    `no screen and no dialog has a serious violation of accessibility (${scheme})`,
    { skip: missing },
    async () => {
      const context = await browser.newContext({ colorScheme: scheme, reducedMotion: 'reduce' })
      const page = await context.newPage()
      const complaints = complaintsOf(page)
      await signInWithKey(page, server.url, server.rootKey)
      const rulesWhere = (isColoured: boolean): object =>
        scheme === 'dark' ? { runOnly: COLOURS } : { rules: isColoured ? {} : WITHOUT_COLOURS }
      const found: string[] = []
      for (const [name, path] of screens) {
        const isColoured = WITH_ALL_PARTS.has(name)
        if (scheme === 'dark' && !isColoured) continue
        await goTo(page, path)
        for (const violation of await violationsOf(page, rulesWhere(isColoured)))
          found.push(`${path}: ${violation}`)
      }
      // Behind a dialog the page does not scroll; what is below its window axe holds for hidden.
      await page.setViewportSize({ width: 1280, height: 2400 })
      for (const [path, ...buttons] of DIALOGS) {
        const isColoured = COLOURED_DIALOGS.has(path)
        if (scheme === 'dark' && !isColoured) continue
        await goTo(page, path)
        const dialog = page.getByRole('dialog')
        for (const name of buttons) {
          await page.getByRole('button', { name, exact: true }).first().click()
          await dialog.waitFor()
        }
        if ((await dialog.getByRole('button', { name: /^The same / }).count()) !== 1)
          found.push(`${path}, ${buttons.join(', ')}: shows no command that does the same`)
        for (const violation of await violationsOf(page, rulesWhere(isColoured), '[role="dialog"]'))
          found.push(`${path}, ${buttons.join(', ')}: ${violation}`)
        await dialog.getByRole('button', { name: 'Close' }).click()
      }
      assert.deepEqual(found, [])
      assert.deepEqual(complaints, [])
      await context.close()
    },
  )
}
