import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import type { Browser, Route } from 'playwright-core'
import { serverProcess } from '../../test/fixtures/server-process.ts'
import type { ServerProcess } from '../../test/fixtures/server-process.ts'
import { launch, missing, shows, signInWithKey } from './browser.ts'
import { backupEnded } from './filled.ts'
import { goTo } from './screens.ts'

/** What the overview calls overdue. */

const THREE_DAYS_MS = 3 * 86_400_000
/** The overview asks for everything so often even if nothing happens: what comes earlier came of the backup. */
const UNASKED_MS = 20_000
const folder = mkdtempSync(join(tmpdir(), 'roleback-console-'))
const dataDir = join(folder, 'data')
let server: ServerProcess
let browser: Browser

before(async () => {
  if (missing !== false) return
  server = await serverProcess(dataDir)
  await server.start()
  browser = await launch()
})

after(async () => {
  if (missing === false) {
    await browser.close()
    await server.kill('SIGTERM')
  }
  rmSync(folder, { recursive: true, force: true })
})

test(
  'who signs in before the server has said its regions is signed in once it has',
  { skip: missing },
  async () => {
    const page = await browser.newPage()
    const held = async (route: Route): Promise<void> => {
      await page.locator('button[aria-disabled="true"]').waitFor({ timeout: 10_000 })
      await route.continue()
    }
    await page.route('**/console/server.json', held, { times: 1 })
    await signInWithKey(page, server.url, server.rootKey)
    await page.close()
  },
)

/** The day whose last run lies before the backups of three days ago, whenever this runs. */
function fourDaysAgo(): string {
  const days = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'] as const
  return days[new Date(Date.now() - 4 * 86_400_000).getUTCDay()] ?? assert.fail()
}

test(
  'a resource is overdue by what its own plan asks: after three days one without a plan is, a weekly one is not',
  { skip: missing },
  async () => {
    const { call } = server
    await call('backup', 'CreateBackupVault', { BackupVaultName: 'safe' })
    const { RoleArn: IamRoleArn } = await call('roleback', 'CreateDefaultServiceRole', {})
    const arns: string[] = []
    for (const Name of ['weekly', 'unplanned']) {
      const path = join(folder, Name)
      mkdirSync(path)
      writeFileSync(join(path, 'file'), Name)
      const { ResourceArn } = await call('roleback', 'RegisterResource', {
        ResourceType: 'EFS',
        Name,
        Connection: { Path: path },
      })
      arns.push(ResourceArn)
      const { BackupJobId = '' } = await call('backup', 'StartBackupJob', {
        BackupVaultName: 'safe',
        ResourceArn,
        IamRoleArn,
      })
      await backupEnded(server, BackupJobId)
    }
    const { BackupPlanId = '' } = await call('backup', 'CreateBackupPlan', {
      BackupPlan: {
        BackupPlanName: 'weekly',
        Rules: [
          {
            RuleName: 'weekly',
            TargetBackupVaultName: 'safe',
            ScheduleExpression: `cron(0 5 ? * ${fourDaysAgo()} *)`,
          },
        ],
      },
    })
    await call('backup', 'CreateBackupSelection', {
      BackupPlanId,
      BackupSelection: { SelectionName: 'one', IamRoleArn, Resources: [arns[0] ?? ''] },
    })
    await testRestores(IamRoleArn)
    await server.kill('SIGTERM')
    const db = new DatabaseSync(join(dataDir, 'roleback.db'))
    db.prepare('update recovery_point set created_at = created_at - ?').run(THREE_DAYS_MS)
    db.prepare('update job set created_at = created_at - ?').run(THREE_DAYS_MS)
    db.prepare('update restore_testing_plan set next_run_at = ?').run(Date.now() - 60_000)
    db.close()
    await server.start()

    const page = await browser.newPage()
    await signInWithKey(page, server.url, server.rootKey)
    await shows(page, page.getByText('1 resource is overdue'))
    await shows(page, page.getByText('unplanned was last backed up 3 days ago.'))
    assert.equal(await page.getByText('2 resources are overdue').count(), 0)
    // Its number leads to it, and to nothing else.
    await page.getByRole('link', { name: '1', exact: true }).click()
    await shows(page, page.getByRole('row', { name: /unplanned.*Overdue/ }))
    assert.equal(await page.getByRole('link', { name: 'weekly' }).count(), 0)

    await page.goBack()
    await shows(page, page.getByText('1 resource is overdue'))
    const asked = performance.now()
    await call('backup', 'StartBackupJob', {
      BackupVaultName: 'safe',
      ResourceArn: arns[1] ?? '',
      IamRoleArn,
    })
    await shows(page, page.getByText('Everything is backed up'))
    const took = performance.now() - asked
    assert.ok(took < UNASKED_MS, `the overview followed the backup only after ${Math.round(took)} ms`)

    await goTo(page, '/restore-testing?plan=proofs')
    const tested = page.getByRole('row', { name: /Completed \d+ s/ }).first()
    await shows(page, tested.getByText('expected at least 1, found 2'))
    await shows(page, tested.getByText('expected at least 1000, found 2'))
    assert.equal(await tested.getByText('Good', { exact: true }).count(), 0)
    await page.close()
  },
)

/** A plan whose tests find less than they are to. */
async function testRestores(IamRoleArn: string): Promise<void> {
  const { call } = server
  await call('iam', 'PutRolePolicy', {
    RoleName: IamRoleArn.split('/').at(-1) ?? '',
    PolicyName: 'look-at-what-was-restored',
    PolicyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Action: ['elasticfilesystem:ClientMount', 'elasticfilesystem:DeleteFileSystem'],
          Resource: '*',
        },
      ],
    }),
  })
  await call('backup', 'CreateRestoreTestingPlan', {
    RestoreTestingPlan: {
      RestoreTestingPlanName: 'proofs',
      ScheduleExpression: 'cron(0 3 * * ? *)',
      RecoveryPointSelection: {
        Algorithm: 'LATEST_WITHIN_WINDOW',
        IncludeVaults: ['*'],
        RecoveryPointTypes: ['SNAPSHOT'],
      },
    },
  })
  const names = { RestoreTestingPlanName: 'proofs', RestoreTestingSelectionName: 'all' }
  await call('backup', 'CreateRestoreTestingSelection', {
    RestoreTestingPlanName: 'proofs',
    RestoreTestingSelection: {
      RestoreTestingSelectionName: 'all',
      ProtectedResourceType: 'EFS',
      ProtectedResourceArns: ['*'],
      IamRoleArn,
    },
  })
  await call('roleback', 'PutRestoreTestValidators', {
    ...names,
    Validators: [
      { Name: 'there is something', ObjectCount: { Min: 1 } },
      { Name: 'there is much', ObjectCount: { Min: 1000 } },
    ],
  })
}
