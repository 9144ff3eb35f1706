import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'
import type { Filled } from './filled.ts'

/** Every screen, by the name that its picture has. */
export function screensOf(filled: Filled): ReadonlyMap<string, string> {
  const web = encodeURIComponent(filled.resources.get('web-assets') ?? '')
  const point = encodeURIComponent(filled.pointArn)
  return new Map([
    ['overview', '/'],
    ['resources', '/resources'],
    ['resources-unprotected', '/resources?show=unprotected'],
    ['resource', `/resources/${web}`],
    ['resource-add', '/resources/add'],
    ['back-up', `/back-up?resource=${web}`],
    ['plans', '/plans'],
    ['plan', `/plans/${filled.planId}`],
    ['plan-code', `/plans/${filled.planId}?tab=code`],
    ['plan-create', '/plans/create'],
    ['assign', `/plans/${filled.planId}/assign`],
    ['jobs', '/jobs'],
    ['jobs-restore', '/jobs?kind=restore'],
    ['job', `/jobs/backup/${filled.doneJobId}`],
    ['job-denied', `/jobs/backup/${filled.deniedJobId}`],
    ['job-copy', `/jobs/copy/${filled.copyJobId}`],
    ['job-restore', `/jobs/restore/${filled.restoreJobId}`],
    ['vaults', '/vaults'],
    ['vault', '/vaults/production'],
    ['vault-policy', '/vaults/production?tab=policy'],
    ['vault-lock', '/vaults/archive?tab=lock'],
    ['vault-who-can', '/vaults/production?tab=who-can'],
    ['restore', `/restore/production/${point}`],
    ['access', '/access'],
    ['access-groups', '/access?tab=groups'],
    ['access-roles', '/access?tab=roles'],
    ['access-policies', '/access?tab=policies'],
    ['explain', `/access/explain/${filled.refusalId}`],
    ['explain-empty', '/access/explain'],
    ['not-found', '/nowhere'],
  ])
}

/** To another screen as a link goes there, and until nothing on it is loading. */
export async function goTo(page: Page, path: string): Promise<void> {
  await page.evaluate((to) => {
    history.pushState({}, '', to)
    dispatchEvent(new PopStateEvent('popstate'))
  }, `/console${path}`)
  await page.locator(`[data-screen=${JSON.stringify(path)}][aria-busy="false"]`).waitFor()
  await page.getByRole('heading', { level: 1 }).first().waitFor()
  await page.waitForFunction(
    () => document.querySelector('[class*="spinner"], [class*="status-loading"]') === null,
  )
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/**
 * What axe finds that keeps somebody from using the screen.
 *
 * @param rules Only these of its rules.
 */
export async function violationsOf(page: Page, rules?: readonly string[]): Promise<readonly string[]> {
  await page.evaluate(AXE)
  return await page.evaluate(async (only) => {
    const { axe } = globalThis as unknown as {
      axe: {
        run: (
          options: object,
        ) => Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }>
      }
    }
    const { violations } = await axe.run({
      resultTypes: ['violations'],
      ...(only !== undefined && { runOnly: only }),
    })
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(' | ')}`)
  }, rules)
}
