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
import type { View } from './views.ts'
import { EMPTY, REFUSED, makeFirstBackup, makeWatcher, startLongJob, viewsOf } from './views.ts'

const root = join(import.meta.dirname, '..', '..')
const SCHEMES = ['light', 'dark'] as const
type Scheme = (typeof SCHEMES)[number]
type Screen = readonly [name: string, path: string]
const WIDE = { width: 1280, height: 900 }
const NARROW = { width: 420, height: 900 }
/** Pictured on a narrow window, too. */
const NARROW_TOO = new Set([
  'overview',
  'resources',
  'resource',
  'jobs',
  'job',
  'vault',
  'access-pass',
  'access-user',
  'audit',
  'settings-tiering',
])

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
/** Nothing was done on it yet. */
const bare = await serverProcess(join(folder, 'bare'))
const browser = await launch()
const isWanted = (name: string): boolean => names.length === 0 || names.includes(name)
try {
  await server.start()
  const filled = await fill(server, folder)
  const more = await fillPictures(server, filled, surroundings)
  await server.kill('SIGTERM')
  backdate(join(folder, 'data'))
  letTestsBeDue(join(folder, 'data'))
  await server.start()
  await testsEnded(server)
  const screens = [...screensOf(filled), ...more].filter(([name]) => isWanted(name))
  const views = viewsOf(filled).filter(({ name }) => isWanted(name))
  for (const scheme of SCHEMES) await picture(browser, server, screens, views, scheme)
  await pictureRefused()
  await pictureBare()
  await pictureRunning()
  process.stdout.write(`pictures in ${resolve(to)}\n`)
} finally {
  await browser.close()
  await Promise.all([server.kill('SIGTERM'), bare.kill('SIGTERM')])
  await surroundings[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
}

async function picture(
  of: Browser,
  { url, rootKey }: ServerProcess,
  screens: readonly Screen[],
  views: readonly View[],
  scheme: Scheme,
): Promise<void> {
  const page = await newPage(of, scheme)
  await page.goto(`${url}/console/`)
  await page.getByRole('button', { name: 'Sign in' }).waitFor()
  if (isWanted('sign-in')) await page.screenshot({ path: fileOf('sign-in', scheme) })
  await page.getByRole('radio', { name: 'User name' }).check()
  if (isWanted('sign-in-name')) await page.screenshot({ path: fileOf('sign-in-name', scheme) })
  await signInWithKey(page, url, rootKey)
  const phone = await of.newContext({ reducedMotion: 'reduce', viewport: NARROW })
  const narrow = await phone.newPage()
  if (scheme === 'light') await signInWithKey(narrow, url, rootKey)
  for (const [name, path] of screens) {
    await goTo(page, path)
    await wholeScreen(page, fileOf(name, scheme))
    if (scheme === 'dark' || !NARROW_TOO.has(name)) continue
    await goTo(narrow, path)
    await wholeScreen(narrow, join(to, `${name}-narrow.png`))
  }
  for (const { name, path, act } of views) {
    await page.goto(`${url}/console${path}`)
    await act(page)
    await wholeScreen(page, fileOf(name, scheme))
  }
  await Promise.all([page.context().close(), phone.close()])
}

async function pictureRefused(): Promise<void> {
  const screens = REFUSED.filter(([name]) => isWanted(name))
  if (screens.length === 0) return
  const watcher = await makeWatcher(server)
  await pictureAs(server, watcher, screens)
}

async function pictureBare(): Promise<void> {
  const screens = EMPTY.filter(([name]) => isWanted(name))
  if (screens.length === 0 && !isWanted('first-steps-restore')) return
  await bare.start()
  await pictureAs(bare, bare.rootKey, screens)
  await makeFirstBackup(bare, folder)
  await pictureAs(bare, bare.rootKey, [['first-steps-restore', '/']])
}

/** A backup that goes on: it is stopped with the server. */
async function pictureRunning(): Promise<void> {
  if (!isWanted('job-running')) return
  const id = await startLongJob(server, folder, 'production')
  await pictureAs(server, server.rootKey, [['job-running', `/jobs/backup/${id}`]])
  await server.call('backup', 'StopBackupJob', { BackupJobId: id })
}

async function pictureAs(
  { url }: ServerProcess,
  key: ServerProcess['rootKey'],
  screens: readonly Screen[],
): Promise<void> {
  for (const scheme of SCHEMES) {
    const page = await newPage(browser, scheme)
    await signInWithKey(page, url, key)
    for (const [name, path] of screens) {
      await goTo(page, path)
      await wholeScreen(page, fileOf(name, scheme))
    }
    await page.context().close()
  }
}

async function newPage(of: Browser, colorScheme: Scheme): Promise<Page> {
  return await of
    .newContext({ colorScheme, reducedMotion: 'reduce', viewport: WIDE })
    .then(async (context) => await context.newPage())
}

function fileOf(name: string, scheme: Scheme): string {
  return join(to, `${name}-${scheme}.png`)
}

/** In a window as high as the screen: Playwright's own full-page pictures pass through a narrow one, which closes the navigation. */
async function wholeScreen(page: Page, path: string): Promise<void> {
  const { width, height } = page.viewportSize() ?? WIDE
  const whole = await page.evaluate(() => document.documentElement.scrollHeight)
  await page.setViewportSize({ width, height: Math.max(height, whole) })
  await page.screenshot({ path })
  await page.setViewportSize({ width, height })
}
