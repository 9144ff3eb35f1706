import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'
import { ACCOUNT, TESTING_PLAN } from './filled.ts'
import type { Filled } from './filled.ts'

/** Every screen, by the name that its picture has. */
export function screensOf(filled: Filled): ReadonlyMap<string, string> {
  const web = encodeURIComponent(filled.resources.get('web-assets') ?? '')
  const point = encodeURIComponent(filled.pointArn)
  return new Map([
    ['overview', '/'],
    ['resources', '/resources'],
    ['resources-unprotected', '/resources?show=unprotected'],
    ['resources-restored', '/resources?show=restored'],
    ['resources-named', '/resources?name=wiki'],
    ['resource', `/resources/${web}`],
    ['resource-plans', `/resources/${web}?tab=plans`],
    ['resource-roles', `/resources/${web}?tab=roles`],
    ['resource-add', '/resources/add'],
    ['discovery', '/resources/discovery'],
    ['back-up', `/back-up?resource=${web}`],
    ['plans', '/plans'],
    ['plan', `/plans/${filled.planId}`],
    ['plan-versions', `/plans/${filled.planId}?tab=versions`],
    ['plan-version', `/plans/${filled.planId}/versions/${encodeURIComponent(filled.planVersionId)}`],
    ['assignment', `/plans/${filled.planId}/assignments/${filled.selectionId}`],
    ['plan-code', `/plans/${filled.planId}?tab=code`],
    ['plan-create', '/plans/create'],
    ['plan-edit', `/plans/${filled.planId}/edit`],
    ['assign', `/plans/${filled.planId}/assign`],
    ['jobs', '/jobs'],
    ['jobs-restore', '/jobs?kind=restore'],
    ['jobs-upkeep', '/jobs?kind=upkeep'],
    ['job', `/jobs/backup/${filled.doneJobId}`],
    ['job-denied', `/jobs/backup/${filled.deniedJobId}`],
    ['job-copy', `/jobs/copy/${filled.copyJobId}`],
    ['job-restore', `/jobs/restore/${filled.restoreJobId}`],
    ['vaults', '/vaults'],
    ['vault', '/vaults/production'],
    ['vault-health', '/vaults/production?tab=health'],
    ['vault-policy', '/vaults/production?tab=policy'],
    ['vault-lock', '/vaults/archive?tab=lock'],
    ['vault-cold', '/vaults/archive?tab=cold'],
    ['vault-notifications', '/vaults/production?tab=notifications'],
    ['vault-usage', '/vaults/production?tab=usage'],
    ['vault-who-can', '/vaults/production?tab=who-can'],
    ['restore', `/restore/production/${point}`],
    ['access', '/access'],
    ['access-groups', '/access?tab=groups'],
    ['access-roles', '/access?tab=roles'],
    ['access-policies', '/access?tab=policies'],
    ['access-matrix', '/access?tab=matrix'],
    ['access-pass', '/access?tab=pass'],
    ['access-user', '/access/user/dba'],
    ['access-user-keys', '/access/user/dba?tab=keys'],
    ['access-user-sign-in', '/access/user/dba?tab=sign-in'],
    ['access-user-unused', '/access/user/dba?tab=unused'],
    ['access-group', '/access/group/administrators?tab=members'],
    ['access-role', '/access/role/rds-backup'],
    ['access-role-trust', '/access/role/rds-backup?tab=trust'],
    [
      'access-policy',
      `/access/policy/${encodeURIComponent(`arn:aws:iam::${ACCOUNT}:policy/look-at-backups`)}`,
    ],
    [
      'access-policy-ours',
      `/access/policy/${encodeURIComponent('arn:aws:iam::aws:policy/AdministratorAccess')}`,
    ],
    [
      'simulate',
      `/access/simulate?who=${encodeURIComponent(`arn:aws:iam::${ACCOUNT}:user/dba`)}&actions=${encodeURIComponent('backup:StartBackupJob\nbackup:DeleteRecoveryPoint\niam:PassRole')}&on=*`,
    ],
    ['explain', `/access/explain/${filled.refusalId}`],
    ['explain-empty', '/access/explain'],
    ['audit', '/audit?effect=Deny'],
    ['audit-day', '/audit?since=day'],
    ['legal-holds', '/legal-holds'],
    ['legal-hold', `/legal-holds/${filled.holdId}`],
    ['search', '/search'],
    ['search-found', `/search?vault=production&pattern=file-1*&job=${filled.searchId}`],
    ['restore-testing', '/restore-testing'],
    ['restore-testing-plan', `/restore-testing/${TESTING_PLAN}`],
    ['reports', '/reports'],
    ['frameworks', '/frameworks'],
    ['framework', '/frameworks/house_rules'],
    ['settings', '/settings'],
    ['settings-notifications', '/settings?tab=notifications'],
    ['settings-storage', '/settings?tab=storage'],
    ['settings-tiering', '/settings?tab=tiering'],
    ['settings-accounts', '/settings?tab=accounts'],
    ['settings-kit', '/settings?tab=kit'],
    ['settings-health', '/settings?tab=health'],
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
    () => document.querySelector('[class*="awsui_circle-left"], [class*="status-loading"]') === null,
  )
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/**
 * What axe finds that keeps somebody from using the screen.
 *
 * @param options Its own, such as the rules to try.
 * @param within The part of the page that is looked at.
 */
export async function violationsOf(
  page: Page,
  options: object,
  within: string = 'html',
): Promise<readonly string[]> {
  // Once a page: going to another screen does not load it anew.
  if (await page.evaluate(() => !('axe' in globalThis))) await page.evaluate(AXE)
  const look = async ([place, given]: readonly [string, object]): Promise<readonly string[]> => {
    const { axe } = globalThis as unknown as {
      axe: {
        run: (
          within: string,
          options: object,
        ) => Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }>
      }
    }
    const { violations } = await axe.run(place, {
      resultTypes: ['violations'],
      ...given,
    })
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(' | ')}`)
  }
  return await page.evaluate(look, [within, options] as const)
}
