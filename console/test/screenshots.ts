/**
 * `npm run screenshots [-- FOLDER [NAME...]]`: builds the console and writes a picture of every screen, light and dark, of a server with a
 * month of believable backups. FOLDER: default `.cache/screenshots`; NAME: these screens only.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { serverProcess } from '../../test/fixtures/server-process.ts'
import type { ServerProcess } from '../../test/fixtures/server-process.ts'
import { launch, missing, signInWithKey } from './browser.ts'
import { backdate, fill } from './filled.ts'
import { fillPictures, letTestsBeDue, startSurroundings, testsEnded } from './pictured.ts'
import { goTo, screensOf } from './screens.ts'

const root = join(import.meta.dirname, '..', '..')
const WIDE = { width: 1280, height: 900 }
const NARROW = { width: 420, height: 900 }
/** Pictured on a narrow window, too. */
const NARROW_TOO = new Set(['overview', 'jobs', 'job', 'vault', 'access-user', 'audit'])

const [to = join(root, '.cache', 'screenshots'), ...names] = process.argv.slice(2)
if (missing !== false) throw new Error(missing)
const built = spawnSync(
  process.execPath,
  [join(root, 'node_modules', 'vite', 'bin', 'vite.js'), 'build', '--logLevel', 'error'],
  { cwd: join(root, 'console'), stdio: 'inherit' },
)
if (built.status !== 0) process.exit(1)
mkdirSync(to, { recursive: true })

const folder = mkdtempSync(join(tmpdir(), 'roleback-screenshots-'))
const surroundings = await startSurroundings(folder)
const server = await serverProcess(
  join(folder, 'data'),
  surroundings.endpoints.flatMap((endpoint) => ['--allow-endpoint', endpoint]),
)
const browser = await launch()
try {
  await server.start()
  const filled = await fill(server, folder)
  const more = await fillPictures(server, filled, surroundings)
  await server.kill('SIGTERM')
  backdate(join(folder, 'data'))
  letTestsBeDue(join(folder, 'data'))
  await server.start()
  await testsEnded(server)
  const screens = [...screensOf(filled), ...more].filter(
    ([name]) => names.length === 0 || names.includes(name),
  )
  for (const scheme of ['light', 'dark'] as const) await picture(browser, server, screens, scheme)
  process.stdout.write(`${screens.length * 2} pictures and more in ${resolve(to)}\n`)
} finally {
  await browser.close()
  await server.kill('SIGTERM')
  await surroundings[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
}

async function picture(
  of: Browser,
  { url, rootKey }: ServerProcess,
  screens: readonly (readonly [name: string, path: string])[],
  scheme: 'light' | 'dark',
): Promise<void> {
  const context = await of.newContext({ colorScheme: scheme, reducedMotion: 'reduce', viewport: WIDE })
  const page = await context.newPage()
  if (names.length === 0 || names.includes('sign-in')) {
    await page.goto(`${url}/console/`)
    await page.getByRole('button', { name: 'Sign in' }).waitFor()
    await page.screenshot({ path: join(to, `sign-in-${scheme}.png`) })
  }
  await signInWithKey(page, url, rootKey)
  const phone = await of.newContext({ reducedMotion: 'reduce', viewport: NARROW })
  const narrow = await phone.newPage()
  if (scheme === 'light') await signInWithKey(narrow, url, rootKey)
  for (const [name, path] of screens) {
    await goTo(page, path)
    await wholeScreen(page, join(to, `${name}-${scheme}.png`))
    if (scheme === 'dark' || !NARROW_TOO.has(name)) continue
    await goTo(narrow, path)
    await wholeScreen(narrow, join(to, `${name}-narrow.png`))
  }
  await Promise.all([context.close(), phone.close()])
}

/** In a window as high as the screen: Playwright's own full-page pictures pass through a narrow one, which closes the navigation. */
async function wholeScreen(page: Page, path: string): Promise<void> {
  const { width, height } = page.viewportSize() ?? WIDE
  const whole = await page.evaluate(() => document.documentElement.scrollHeight)
  await page.setViewportSize({ width, height: Math.max(height, whole) })
  await page.screenshot({ path })
  await page.setViewportSize({ width, height })
}
