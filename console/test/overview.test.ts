import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import type { Browser, Page, Route } from 'playwright-core'
import { serverProcess } from '../../test/fixtures/server-process.ts'
import type { ServerProcess } from '../../test/fixtures/server-process.ts'
import { becomes, choose, launch, missing, shows, signInWithKey } from './browser.ts'
import { ACCOUNT, backupEnded } from './filled.ts'
import { grow } from './grown.ts'
import { goTo } from './screens.ts'

/** What the overview says, how soon, and that it is right however much there is. */

const THREE_DAYS_MS = 3 * 86_400_000
/** What is claimed is a second; the machine of the tests has other things to do, too. Unasked the overview looks every 30 seconds. */
const LIVE_LIMIT_MS = 15_000
/** How often the overview asks, for that. */
const ASKED_EVERY_MS = 1_000
const folder = mkdtempSync(join(tmpdir(), 'roleback-console-'))
const dataDir = join(folder, 'data')
let server: ServerProcess
let browser: Browser
let page: Page
let unplannedArn: string

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
      await page.locator('button[aria-disabled="true"]').waitFor()
      await route.continue()
    }
    await page.route('**/console/server.json', held, { times: 1 })
    await signInWithKey(page, server.url, server.rootKey)
    await dismissFirstSteps(page)
    await page.close()
  },
)

/** For everybody of the account. */
async function dismissFirstSteps(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Dismiss' }).click()
  await shows(page, page.locator('.tiles').getByText('Unprotected'))
  assert.equal((await server.call('roleback', 'DescribeOverview', {})).FirstSteps, 'ENDED')
}

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

    unplannedArn = arns[1] ?? assert.fail()
    page = await browser.newPage()
    await page.addInitScript(rememberIntervals)
    await signInWithKey(page, server.url, server.rootKey)
    await shows(page, page.getByText('1 resource is overdue'))
    await shows(page, page.getByText('unplanned was last backed up 3 days ago.'))
    assert.equal(await page.getByText('2 resources are overdue').count(), 0)
    // Its number leads to it, and to nothing else.
    await page.locator('.tiles a[href$="show=overdue"]').click()
    await shows(page, page.getByRole('row', { name: /unplanned.*Overdue/ }))
    assert.equal(await page.getByRole('link', { name: 'weekly' }).count(), 0)

    await page.goBack()
    await shows(page, page.getByText('1 resource is overdue'))
    await goTo(page, '/restore-testing?plan=proofs')
    const tested = page.getByRole('row', { name: /Completed ?Recovery time (?:under )?[\d.]+ s/ }).first()
    await shows(page, tested.getByText('expected at least 1, found 2'))
    await shows(page, tested.getByText('expected at least 1000, found 2'))
    assert.equal(await tested.getByText('Good', { exact: true }).count(), 0)
  },
)

/** Runs in the page: keeps how often it does what it does again and again. */
function rememberIntervals(): void {
  const kept: number[] = []
  Object.assign(globalThis, { kept })
  const { setInterval: original } = globalThis
  globalThis.setInterval = ((work: () => void, ms: number) => {
    kept.push(ms)
    return original(work, ms)
  }) as typeof setInterval
}

/** Runs in the page: when the tile first says so. */
function timeOf([tile, value]: readonly [string, string]): number | undefined {
  const tiles = [...document.querySelectorAll<HTMLElement>('.tiles > div')]
  return tiles.some(({ innerText }) => innerText.trim() === `${tile}\n${value}`) ? Date.now() : undefined
}

test('the overview shows a backup that ended about as soon as the API does', { skip: missing }, async () => {
  await goTo(page, '/')
  await shows(page, page.getByText('1 resource is overdue'))
  const { BackupJobId = '' } = await server.call('backup', 'StartBackupJob', {
    BackupVaultName: 'safe',
    ResourceArn: unplannedArn,
    IamRoleArn: `arn:aws:iam::${ACCOUNT}:role/service-role/AWSBackupDefaultServiceRole`,
  })
  const shown = await page.waitForFunction(timeOf, ['Overdue', '0'] as const, { polling: 'raf' })
  const { State, CompletionDate } = await server.call('backup', 'DescribeBackupJob', { BackupJobId })
  assert.equal(State, 'COMPLETED')
  const late = ((await shown.jsonValue()) ?? Infinity) - (CompletionDate?.getTime() ?? 0)
  assert.ok(late < LIVE_LIMIT_MS, `shown ${late} ms after it ended`)
  await shows(page, page.getByText('Everything is backed up'))
  await partialIsNotGreen(BackupJobId)
  const kept = await page.evaluate(() => (globalThis as unknown as { kept: readonly number[] }).kept)
  assert.ok(Math.min(...kept) <= ASKED_EVERY_MS, `the page asks every ${kept.join(', ')} ms`)
})

/** What was backed up in part, and what failed or was stopped, is counted and led to as what it is. */
async function partialIsNotGreen(jobId: string): Promise<void> {
  const db = new DatabaseSync(join(dataDir, 'roleback.db'), { timeout: 60_000 })
  const become = (state: string): unknown =>
    db.prepare('update job set state = ? where job_id = ?').run(state, jobId)
  const look = async (): Promise<void> => {
    for (const path of ['/vaults', '/']) await goTo(page, path)
  }
  become('PARTIAL')
  db.prepare("update recovery_point set status = 'PARTIAL' where resource_arn = ?").run(unplannedArn)
  await look()
  await shows(page, page.getByText('The newest backup of 1 resource is partial'))
  await shows(page, page.getByText(/newest was of .* and is partial/).last())
  await goTo(page, '/resources')
  await shows(page, page.getByRole('row', { name: /unplanned.*Partial, .* ago/ }))
  await goTo(page, `/jobs/backup/${jobId}`)
  await shows(page, page.getByRole('button', { name: 'Restore it' }))
  become('EXPIRED')
  await look()
  await page.waitForFunction(timeOf, ['Failed in 24 h', '1'] as const)
  await page.locator('.tiles').getByRole('link', { name: '1', exact: true }).first().click()
  await shows(page, page.getByRole('row', { name: /Expired/ }))
  become('ABORTED')
  await look()
  await page.waitForFunction(timeOf, ['Failed in 24 h', '0'] as const)
  become('COMPLETED')
  db.prepare("update recovery_point set status = 'COMPLETED' where resource_arn = ?").run(unplannedArn)
  db.close()
  await look()
}

test(
  'what was done to vaults is listed with the jobs, by its kind and its vault, and the address says which',
  { skip: missing },
  async () => {
    await server.call('backup', 'CreateBackupVault', { BackupVaultName: 'other' })
    for (const BackupVaultName of ['safe', 'other'])
      await server.call('roleback', 'StartVerifyJob', { BackupVaultName })
    const { JobId } = await server.call('roleback', 'StartSweepJob', { BackupVaultName: 'safe' })
    await goTo(page, '/jobs?kind=upkeep&vault=safe')
    await shows(page, page.getByRole('row', { name: /Completed.*Sweep.*safe/ }))
    await shows(page, page.getByRole('row', { name: /Completed.*Verify.*safe/ }))
    assert.equal(await page.getByRole('link', { name: 'other', exact: true }).count(), 0)
    await choose(page.getByRole('button', { name: /^Work/ }), page.getByRole('option', { name: 'Sweep' }))
    await page.getByRole('row', { name: /Verify/ }).waitFor({ state: 'detached' })
    await page.waitForURL(/kind=upkeep&vault=safe&work=sweep$/)
    await page.getByRole('link', { name: JobId.slice(0, 8) }).click()
    await shows(page, page.getByRole('heading', { level: 1, name: /^Sweep / }))
  },
)

test('notifications that nobody took are said, and lead to their targets', { skip: missing }, async () => {
  const EventPattern = '{"source":["none"]}'
  const target = { Name: 'pager', Type: 'WEBHOOK', Url: 'https://pager.example.com/x', EventPattern }
  await server.call('roleback', 'PutEventTarget', target)
  const db = new DatabaseSync(join(dataDir, 'roleback.db'), { timeout: 60_000 })
  db.exec(`insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts, routed_at)
    values ('given up', 1, '${ACCOUNT}', 'us-east-1', 'notice', '{}', 0, 1, ${Date.now()})`)
  db.exec(`insert into event_delivery (event_seq, target_id, sequence, message, due_at, attempts, refusals, created_at, given_up_at)
    select event.seq, target_id, 1, '{}', 1, 10, 10, 1, ${Date.now()} from event, event_target where event_id = 'given up'`)
  db.close()
  await goTo(page, '/')
  await shows(page, page.getByText('1 notification was given up: nobody took it'))
  await page.getByRole('link', { name: 'Notifications', exact: true }).click()
  await shows(page, page.getByText('1 message given up'))
  await server.call('roleback', 'DeleteEventTarget', { Name: 'pager' })
})

/** Runs in the page: the list does not begin with one of these. */
function isAnotherPage(seen: readonly string[]): boolean {
  const first = document.querySelector('tbody tr a')?.textContent
  return first !== undefined && first !== null && !seen.includes(first)
}

test(
  'numbers and lists are of all resources there are, not of the first that are looked at',
  { skip: missing },
  async () => {
    await goTo(page, '/')
    await shows(page, page.getByText('Everything is backed up'))
    await server.kill('SIGTERM')
    await shows(page, page.getByText('The server does not answer', { exact: true }))
    await becomes(async () => await page.getByText('Everything is backed up').count(), 0)
    await goTo(page, '/resources?name=grown-1198')
    await shows(page, page.getByText('The server does not answer.'))
    grow(dataDir, 1_200, 1_000)
    growDaily()
    await server.start()
    await shows(page, page.getByRole('link', { name: 'grown-1198' }))
    const tiles: Readonly<Record<string, string>> = {
      Protected: '1,002',
      Unprotected: '200',
      Overdue: '1,000',
    }
    // By way of another screen: it is not waited for until it asks by itself.
    for (const path of ['/vaults', '/']) await goTo(page, path)
    for (const tile of Object.entries(tiles)) await page.waitForFunction(timeOf, tile)
    await shows(page, page.getByText('1,177 further resources'))
    await page.getByRole('link', { name: '200', exact: true }).click()
    const seen = new Set<string>()
    for (let number = 1; number <= 4; number++) {
      await page.waitForFunction(isAnotherPage, [...seen])
      await becomes(async () => await page.getByRole('row', { name: /Unprotected/ }).count(), 50)
      for (const name of await page.locator('tbody tr a').allTextContents()) seen.add(name)
      if (number < 4) await page.getByRole('button', { name: 'Next page' }).click()
    }
    assert.equal(seen.size, 200, 'each once')
    await shows(page, page.getByRole('button', { name: 'Next page', disabled: true }))
    await pagesAreInTheAddress([...seen])
    await goTo(page, '/resources')
    await page.getByLabel('Name', { exact: true }).fill('GROWN-1199')
    await page.waitForFunction(() => document.querySelectorAll('tbody tr a').length === 1)
    await shows(page, page.getByRole('link', { name: 'grown-1199' }))
    await becomes(() => new URL(page.url()).search, '?name=GROWN-1199')
    await backsUpOneOfMany()
    await goTo(page, '/resources?show=overdue')
    await shows(page, page.getByRole('row', { name: /Overdue/ }).nth(49))
    assert.equal(await page.getByRole('row', { name: /Overdue/ }).count(), 50)
    await goTo(page, '/')
    await shows(page, page.getByText(/In 30 days at the pace of the last 11: [\d.]+\s[KMG]?i?B\./))
  },
)

/** What the server would have written down on each of the last ten days: a MiB more than on the day before. */
function growDaily(): void {
  const db = new DatabaseSync(join(dataDir, 'roleback.db'))
  const today = Math.floor(Date.now() / 86_400_000)
  for (let day = 1; day <= 10; day++)
    db.prepare(
      'insert or replace into vault_usage select vault_id, ?, ?, 1, 1 from vault where name = ?',
    ).run(today - day, (100 - day) * 2 ** 20, 'safe')
  db.close()
}

/** Found by its name on the server, and said as a command with all that was chosen. */
async function backsUpOneOfMany(): Promise<void> {
  await goTo(page, '/back-up')
  await choose(
    page.getByRole('button', { name: /^Resource/ }),
    page.getByRole('option', { name: 'grown-1199' }),
    'grown-1199',
  )
  await shows(page, page.getByRole('button', { name: /^Resource grown-1199/ }))
  await page.getByRole('button', { name: 'Tags of the recovery point' }).click()
  await page.getByRole('button', { name: 'Add a tag' }).click()
  await page.getByLabel('Tag key').fill('team')
  await page.getByLabel('Tag value').fill('red')
  await page.getByRole('button', { name: 'Backup window' }).click()
  await page.getByLabel('Start within (hours)').fill('2')
  await page.getByRole('button', { name: /^The same / }).click()
  const command = await page.locator('pre.command').innerText()
  assert.match(command, /"DeleteAfterDays":35[^]*"team":"red"[^]*--start-window-minutes 120/)
}

/** From the last of four pages of unprotected resources: the way back leads through them, and a link to each. */
async function pagesAreInTheAddress(seen: readonly string[]): Promise<void> {
  const link = page.url()
  assert.match(link, /\?show=unprotected&page=4&token=/)
  const [third, fourth] = [seen.slice(100, 150), seen.slice(150)]
  const begins = async ([first = '']: readonly string[]): Promise<void> =>
    await shows(page, page.locator('tbody tr a').first().getByText(first, { exact: true }))
  await page.goBack()
  await begins(third)
  await page.goto(link)
  await begins(fourth)
  await shows(page, page.getByRole('button', { name: 'Page 4', exact: true }))
  await page.getByRole('button', { name: 'Previous page' }).click()
  await begins(seen)
  await page.waitForURL(/\?show=unprotected$/)
}

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
