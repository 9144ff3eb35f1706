import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { serverProcess } from '../../test/fixtures/server-process.ts'
import type { ServerProcess } from '../../test/fixtures/server-process.ts'
import { complaintsOf, launch, missing, signInWithKey } from './browser.ts'

/** Every screen with something on it: no serious violation of accessibility, no complaint of the page, in light and dark. */

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const SCREENS = [
  '/',
  '/resources',
  '/resources/add',
  '/back-up',
  '/jobs',
  '/vaults',
  '/vaults/screens',
  '/vaults/screens?tab=policy',
  '/vaults/screens?tab=lock',
  '/vaults/screens?tab=who-can',
  '/plans',
  '/plans/create',
  '/access',
  '/access?tab=roles',
  '/access/explain',
  '/nowhere',
]

/** Colours are all that differs; these have all the kinds of parts. */
const DARK = ['/', '/resources/add', '/jobs', '/vaults/screens?tab=lock', '/plans/create', '/access']

const folder = mkdtempSync(join(tmpdir(), 'roleback-console-'))
let server: ServerProcess
let browser: Browser
const more: string[] = []

before(async () => {
  if (missing !== false) return
  const source = join(folder, 'source')
  mkdirSync(source)
  writeFileSync(join(source, 'file'), 'content')
  server = await serverProcess(join(folder, 'data'))
  await server.start()
  await server.call('backup', 'CreateBackupVault', { BackupVaultName: 'screens' })
  const { ResourceArn } = await server.call('roleback', 'RegisterResource', {
    ResourceType: 'EFS',
    Name: 'screens',
    Connection: { Path: source },
  })
  const { RoleArn } = await server.call('roleback', 'CreateDefaultServiceRole', {})
  const { BackupJobId = '' } = await server.call('backup', 'StartBackupJob', {
    BackupVaultName: 'screens',
    ResourceArn,
    IamRoleArn: RoleArn,
  })
  const { BackupPlanId = '' } = await server.call('backup', 'CreateBackupPlan', {
    BackupPlan: {
      BackupPlanName: 'screens',
      Rules: [
        { RuleName: 'daily', TargetBackupVaultName: 'screens', ScheduleExpression: 'cron(0 5 * * ? *)' },
      ],
    },
  })
  more.push(
    `/resources/${encodeURIComponent(ResourceArn)}`,
    `/jobs/backup/${BackupJobId}`,
    `/plans/${BackupPlanId}`,
    `/plans/${BackupPlanId}?tab=code`,
    `/plans/${BackupPlanId}/assign`,
  )
  browser = await launch()
})

after(async () => {
  if (missing === false) {
    await browser.close()
    await server.kill('SIGTERM')
  }
  rmSync(folder, { recursive: true, force: true })
})

/** To another screen as a link goes there, and until nothing on it is loading. */
async function goTo(page: Page, path: string): Promise<void> {
  await page.evaluate((to) => {
    history.pushState({}, '', to)
    dispatchEvent(new PopStateEvent('popstate'))
  }, `/console${path}`)
  await page.getByRole('heading', { level: 1 }).first().waitFor()
  await page.waitForFunction(
    () => document.querySelector('[class*="spinner"], [class*="status-loading"]') === null,
  )
}

/** What axe finds that keeps somebody from using the screen. */
async function violationsOf(page: Page): Promise<readonly string[]> {
  await page.evaluate(AXE)
  return await page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: {
        run: () => Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }>
      }
    }
    const { violations } = await axe.run()
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(' | ')}`)
  })
}

for (const scheme of ['light', 'dark'] as const) {
  test(`no screen has a serious violation of accessibility (${scheme})`, { skip: missing }, async () => {
    const context = await browser.newContext({ colorScheme: scheme, reducedMotion: 'reduce' })
    const page = await context.newPage()
    const complaints = complaintsOf(page)
    await signInWithKey(page, server.url, server.rootKey)
    const found: string[] = []
    for (const path of scheme === 'light' ? [...SCREENS, ...more] : [...DARK, ...more]) {
      await goTo(page, path)
      for (const violation of await violationsOf(page)) found.push(`${path}: ${violation}`)
    }
    assert.deepEqual(found, [])
    assert.deepEqual(complaints, [])
    await context.close()
  })
}
