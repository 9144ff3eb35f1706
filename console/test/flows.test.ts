import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Browser, Locator, Page } from 'playwright-core'
import { serverProcess } from '../../test/fixtures/server-process.ts'
import type { ServerProcess } from '../../test/fixtures/server-process.ts'
import { becomes, choose, complaintsOf, launch, missing, shows, signInWithKey } from './browser.ts'
import { ACCOUNT, backupEnded, fill } from './filled.ts'
import type { Filled } from './filled.ts'
import { goTo } from './screens.ts'
import { startLongJob } from './views.ts'

/** What people do in the console with things that matter: refusals, policies, locks, jobs that run. */

const folder = mkdtempSync(join(tmpdir(), 'roleback-console-'))
let server: ServerProcess
let browser: Browser
let filled: Filled
/** Signed in once as root: going to another screen is as a link goes there. */
let root: Page

before(async () => {
  if (missing !== false) return
  server = await serverProcess(join(folder, 'data'))
  await server.start()
  filled = await fill(server, folder)
  browser = await launch()
  root = await browser.newPage()
  await signInWithKey(root, server.url, server.rootKey)
})

after(async () => {
  if (missing === false) {
    await browser.close()
    await server.kill('SIGTERM')
  }
  rmSync(folder, { recursive: true, force: true })
})

async function pageAsRoot(path: string): Promise<Page> {
  await goTo(root, path)
  return root
}

test(
  'user dba sees vaults and jobs, is refused a role that he may not pass, and Explain names the statement',
  { skip: missing },
  async () => {
    const page = await browser.newPage()
    const complaints = complaintsOf(page)
    await signInWithKey(page, server.url, filled.dba)
    await goTo(page, '/vaults')
    await shows(page, page.getByRole('link', { name: 'production' }))
    await goTo(page, '/jobs')
    await shows(page, page.getByText('Completed').first())
    await goTo(page, '/access')
    await shows(page, page.getByText('You may not list users'))

    await goTo(page, `/restore/production/${encodeURIComponent(filled.pointArn)}`)
    await shows(page, page.getByText('You may not pass AWSBackupDefaultServiceRole to backup.amazonaws.com'))
    await shows(page, page.getByRole('button', { name: /^Restore role .*rds-backup/ }))
    await page.getByRole('radio', { name: 'Default role' }).check()
    await page.getByRole('button', { name: 'Restore', exact: true }).click()
    await shows(page, page.getByText('You may not restore this'))
    await shows(page, page.getByText(/iam:PassRole on resource: .*AWSBackupDefaultServiceRole/))
    const before = (await server.call('backup', 'ListRestoreJobs', {})).RestoreJobs?.length
    assert.equal(before, 1, 'nothing was started')

    await page.getByRole('button', { name: 'Explain' }).first().click()
    await page.getByRole('heading', { level: 1, name: 'Explain a refusal' }).waitFor()
    await shows(page, page.getByText('dba may not iam:PassRole'))
    await shows(page, page.getByText('databases-only, PassTheDatabaseRole'))

    await goTo(page, '/restore-testing')
    await page.getByRole('button', { name: 'Create restore testing plan' }).first().click()
    await shows(page, page.getByRole('button', { name: /^Restore role .*rds-backup/ }))
    await page.getByRole('button', { name: 'Cancel' }).click()

    await goTo(page, '/reports')
    await page.getByRole('button', { name: 'Write now' }).click()
    await shows(page, page.getByText('You may not have this report written'))
    await page.getByRole('link', { name: 'Explain', exact: true }).click()
    await shows(page, page.getByText('dba may not backup:StartReportJob'))
    assert.deepEqual(complaints, [])
    await page.close()
  },
)

test(
  'the policy editor warns of slips and of locking oneself out, saves what is whole, and says what is refused',
  { skip: missing },
  async () => {
    const page = await pageAsRoot('/vaults/production?tab=policy')
    const document = page.getByLabel('Policy document (JSON)')
    const statement = (Action: string | string[]): string =>
      JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Deny', Principal: '*', Action, Resource: '*' }],
      })
    await document.fill(statement('backup:DeleteRecoveryPointz'))
    await shows(page, page.getByText(/DeleteRecoveryPointz/).filter({ visible: true }))
    const changes = ['backup:PutBackupVaultAccessPolicy', 'backup:DeleteBackupVaultAccessPolicy']
    await document.fill(statement(changes))
    await shows(page, page.getByText(/you could neither change it nor take it away again line 1, column/))
    await page.getByRole('button', { name: 'Save' }).click()
    const dialog = page.getByRole('dialog')
    await shows(page, dialog.getByText(/you could neither change it nor take it away again/))
    assert.equal(await dialog.getByRole('button', { name: 'Save policy' }).isEnabled(), false)
    await dialog.getByRole('button', { name: 'Cancel' }).click()

    await document.fill('{"Version": "2012-10-17"')
    // What is wrong is asked for a moment after the last letter: until then the screen knows of the document before.
    await shows(page, page.getByText(/Syntax errors in policy/))
    await page.getByRole('button', { name: 'Save' }).click()
    await shows(page, page.getByText('Could not save this policy'))

    await document.fill(statement('backup:DeleteRecoveryPoint'))
    assert.equal(await page.getByText('Could not save this policy').count(), 0)
    await page.getByRole('button', { name: 'Save' }).click()
    await shows(page, page.getByText('The policy was saved.'))
    const { Policy = '' } = await server.call('backup', 'GetBackupVaultAccessPolicy', {
      BackupVaultName: 'production',
    })
    assert.match(Policy, /backup:DeleteRecoveryPoint/)
  },
)

test(
  'a vault is locked by typing the word for it, and the grace time counts down',
  { skip: missing },
  async () => {
    const Rules = [{ RuleName: 'brief', TargetBackupVaultName: 'offsite', Lifecycle: { DeleteAfterDays: 6 } }]
    const BackupPlan = { BackupPlanName: 'too-brief', Rules }
    const { BackupPlanId = '' } = await server.call('backup', 'CreateBackupPlan', { BackupPlan })
    const page = await pageAsRoot('/vaults/offsite?tab=lock')
    await page.getByRole('radio', { name: /^Compliance/ }).check()
    await page.getByLabel('Keep at least (days)').fill('7')
    await page.getByLabel('Keep at most (days)').fill('6')
    await page.getByLabel('Grace time (days)').fill('2')
    await shows(page, page.getByText('It keeps at least 7 days: this cannot be less.'))
    await page.getByRole('button', { name: 'Lock vault' }).click()
    await shows(page, page.getByText('A whole number of days from 3 to 36,500.'))
    assert.equal(await page.getByRole('dialog').count(), 0)
    await page.getByLabel('Keep at most (days)').fill('')
    await page.getByLabel('Grace time (days)').fill('3')
    await page.getByRole('button', { name: 'Lock vault' }).click()
    const dialog = page.getByRole('dialog')
    const lock = dialog.getByRole('button', { name: 'Lock vault' })
    assert.equal(await lock.isEnabled(), false)
    await dialog.getByLabel('Type confirm').fill('conf')
    assert.equal(await lock.isEnabled(), false)
    await dialog.getByLabel('Type confirm').fill('confirm')
    await lock.click()
    await shows(page, page.getByText(/^For good in \d+ h/))
    await shows(page, page.getByText(/^Backup plan too-brief: Rule brief: its backups into .* would fail/))
    await server.call('backup', 'DeleteBackupPlan', { BackupPlanId })
    const vault = await server.call('backup', 'DescribeBackupVault', { BackupVaultName: 'offsite' })
    assert.deepEqual([vault.Locked, vault.MinRetentionDays], [true, 7])
  },
)

test(
  'a vault tells a topic what was chosen, and the screen says that nobody listens until somebody does',
  { skip: missing },
  async () => {
    const topic = `arn:aws:sns:us-east-1:${ACCOUNT}:alarms`
    const page = await pageAsRoot('/vaults/offsite?tab=notifications')
    await page.getByLabel('Topic (ARN)').fill(topic)
    await page.getByRole('checkbox', { name: 'Copy job failed' }).check()
    await page.getByRole('button', { name: 'Save' }).click()
    await shows(page, page.getByText('Nobody listens to this topic'))
    const kept = await server.call('backup', 'GetBackupVaultNotifications', { BackupVaultName: 'offsite' })
    assert.deepEqual([kept.SNSTopicArn, kept.BackupVaultEvents], [topic, ['COPY_JOB_FAILED']])
    await page.getByRole('link', { name: 'Notifications in the settings' }).click()
    await page.getByRole('button', { name: 'Add target' }).first().click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Name', { exact: true }).fill('pager')
    await choose(
      dialog.getByRole('button', { name: /^Type/ }),
      page.getByRole('option', { name: 'Endpoint of an SNS topic' }),
    )
    await dialog.getByLabel('Address').fill('https://127.0.0.1:1/sns')
    await dialog.getByLabel('Topic (ARN)').fill(topic)
    await dialog.getByRole('button', { name: 'Add target' }).click()
    await shows(page, page.getByText('Topic alarms'))
    const { EventTargets } = await server.call('roleback', 'ListEventTargets', {})
    assert.deepEqual(
      EventTargets.filter(({ Name }) => Name === 'pager').map(({ Type, IsConfirmed }) => [Type, IsConfirmed]),
      [['SNS', false]],
    )
    await server.call('roleback', 'DeleteEventTarget', { Name: 'pager' })
  },
)

test('jobs that run and wait are stopped from their screens and lists', { skip: missing }, async () => {
  const BackupJobId = await startLongJob(server, folder, 'production')
  const page = await pageAsRoot(`/jobs/backup/${BackupJobId}`)
  await shows(page, page.getByText('Running'))
  await shows(page, page.getByRole('progressbar'))
  await server.call('roleback', 'PutJobLimits', { PerServer: 1 })
  const IamRoleArn = `arn:aws:iam::${ACCOUNT}:role/service-role/AWSBackupDefaultServiceRole`
  const { CopyJobId = '' } = await server.call('backup', 'StartCopyJob', {
    RecoveryPointArn: filled.pointArn,
    SourceBackupVaultName: 'production',
    DestinationBackupVaultArn: `arn:aws:backup:us-east-1:${ACCOUNT}:backup-vault:archive`,
    IamRoleArn,
  })
  const { RestoreJobId = '' } = await server.call('backup', 'StartRestoreJob', {
    RecoveryPointArn: filled.pointArn,
    Metadata: { 'file-system-id': 'any', newFileSystem: 'true' },
    IamRoleArn,
  })
  const dialog = page.getByRole('dialog')
  for (const [kind, id, stays] of [
    ['copy', CopyJobId, /No copy is made/],
    ['restore', RestoreJobId, /half restored is removed, if the role may; in a bucket the objects .* stay/],
  ] as const) {
    await goTo(page, `/jobs?kind=${kind}`)
    await page.getByRole('button', { name: `Stop job ${id.slice(0, 8)}` }).click()
    await shows(page, dialog.getByText(stays))
    await dialog.getByRole('button', { name: 'Stop it' }).click()
    await shows(page, page.getByRole('row', { name: id.slice(0, 8) }).getByText('Stopped', { exact: true }))
    await page.getByRole('link', { name: id.slice(0, 8) }).click()
    await shows(page, page.getByText('Asked to stop'))
    await shows(page, page.getByText(/ job was stopped by arn:aws:iam::/))
  }
  await server.call('roleback', 'PutJobLimits', {})

  await goTo(page, `/jobs/backup/${BackupJobId}`)
  await page.getByRole('button', { name: 'Stop', exact: true }).click()
  await shows(page, dialog.getByText(/No recovery point is made of it/))
  await dialog.getByRole('button', { name: 'Stop it' }).click()
  await shows(page, page.getByText('Stopped', { exact: true }))
  assert.equal((await server.call('backup', 'DescribeBackupJob', { BackupJobId })).State, 'ABORTED')
})

/** On how many lines each word of an element stands. */
function linesOfWords(element: HTMLElement): readonly number[] {
  const text = document.createTreeWalker(element, NodeFilter.SHOW_TEXT).nextNode()
  return [...(text?.textContent ?? '').matchAll(/\S+/g)].map(({ index, 0: word }) => {
    const range = document.createRange()
    range.setStart(text!, index)
    range.setEnd(text!, index + word.length)
    return range.getClientRects().length
  })
}

test(
  'on a narrow window the screens are reached, and nothing is wider than it',
  { skip: missing },
  async () => {
    const page = await browser.newPage({ viewport: { width: 400, height: 800 } })
    await signInWithKey(page, server.url, server.rootKey)
    await page.getByRole('button', { name: 'Open the list of screens' }).click()
    await page.getByRole('link', { name: 'Backup vaults' }).last().click()
    await page.getByRole('heading', { level: 1, name: 'Backup vaults' }).waitFor()
    // The list went away with the choice, and by keys it opens and closes under the same button.
    await page.getByRole('button', { name: 'Open the list of screens' }).press('Enter')
    await page.getByRole('link', { name: 'Jobs' }).press('Escape')
    await page.locator('button[aria-label="Open the list of screens"]:focus').waitFor()
    await page.getByRole('heading', { level: 1, name: 'Backup vaults' }).waitFor()
    const tooWide: string[] = []
    for (const path of ['/', '/jobs', `/jobs/backup/${filled.deniedJobId}`, '/vaults/archive?tab=lock']) {
      await goTo(page, path)
      const width = await page.evaluate(() => document.documentElement.scrollWidth)
      if (width > 400) tooWide.push(`${path}: ${width} px`)
    }
    assert.deepEqual(tooWide, [])
    await goTo(page, '/vaults')
    assert.deepEqual(await page.getByText('Not locked').first().evaluate(linesOfWords), [1, 1])
    const more = page.getByText(/^More columns lie to the right/)
    const topOf = async (what: Locator): Promise<number> => (await what.boundingBox())?.y ?? 0
    const tops = [
      page.getByRole('heading', { level: 1, name: 'Backup vaults' }),
      more,
      page.getByText('Not locked').first(),
    ]
    const found = await Promise.all(tops.map(topOf))
    assert.deepEqual(
      found.toSorted((a, b) => a - b),
      found,
      'below the heading, above the columns',
    )
    await goTo(page, '/vaults?name=no-such-vault')
    await shows(page, page.getByText('No backup vault is called so.'))
    assert.equal(await more.count(), 0, 'nothing is missed')
    await page.close()
  },
)

test('a failed job’s picture has a red arrow, and what it stands for', { skip: missing }, async () => {
  const page = await pageAsRoot(`/jobs/backup/${filled.deniedJobId}`)
  const arrow = (name: RegExp) => page.getByRole('button', { name })
  await shows(page, arrow(/^The session works on the vault: allowed$/))
  await shows(page, arrow(/^The session uses the key: the server holds it/))
  await arrow(/^The session works on the resource: denied$/).click()
  const decisions = page.getByRole('table', { name: 'The session works on the resource' })
  await shows(page, decisions.getByText(/No identity-based policy allows the elasticfilesystem:DescribeTags/))
  assert.equal(await decisions.getByText('iam:PassRole').count(), 0, 'what another arrow stands for')
})

test(
  'a resource names the plans that back it up and why, and the roles that can back it up and restore it',
  { skip: missing },
  async () => {
    const path = `/resources/${encodeURIComponent(filled.resources.get('web-assets') ?? '')}`
    const page = await pageAsRoot(`${path}?tab=plans`)
    await shows(
      page,
      page.getByRole('row', {
        name: /production-daily.*Yes.*tagged-production.*its tag env=production is assigned/,
      }),
    )
    await page.getByRole('tab', { name: 'Roles' }).click()
    await shows(page, page.getByRole('row', { name: /^AWSBackupDefaultServiceRole Yes Yes$/ }))
    await shows(page, page.getByRole('row', { name: /^rds-backup No ?elasticfilesystem:.* No ?elastic/ }))
    await page.waitForURL(/tab=roles/)
  },
)

test(
  'a resource’s tags are changed on its screen, and with them which plans take it',
  { skip: missing },
  async () => {
    const arn = filled.resources.get('customer-files') ?? ''
    const page = await pageAsRoot(`/resources/${encodeURIComponent(arn)}?tab=plans`)
    await shows(page, page.getByRole('row', { name: /production-daily.*Yes/ }))
    await page.getByRole('button', { name: 'Edit tags' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Tag value').last().fill('office')
    await dialog.getByRole('button', { name: 'Add a tag' }).click()
    await dialog.getByLabel('Tag key').last().fill('note')
    await dialog.getByLabel('Tag value').last().fill('<b>hostile</b>')
    await dialog.getByRole('button', { name: /^The same / }).click()
    await shows(page, dialog.getByText(/^aws resourcegroupstaggingapi tag-resources .*"env":"office"/s))
    await dialog.getByRole('button', { name: 'Save' }).click()
    await shows(page, page.getByText('<b>hostile</b>'))
    await shows(page, page.getByRole('row', { name: /production-daily.*No/ }))
    const { Resource } = await server.call('roleback', 'DescribeResource', { ResourceArn: arn })
    assert.deepEqual(Object.fromEntries((Resource.Tags ?? []).map(({ Key, Value }) => [Key, Value])), {
      Name: 'customer-files',
      env: 'office',
      note: '<b>hostile</b>',
    })
  },
)

test(
  'each list is narrowed by its address, and says so where nothing is left',
  { skip: missing },
  async () => {
    const arn = (name: string): string => encodeURIComponent(filled.resources.get(name) ?? '')
    const lists: readonly (readonly [path: string, shown: string | RegExp, hidden: string])[] = [
      ['/jobs?state=FAILED', 'accounting', 'wiki'],
      ['/jobs?type=S3', 'No backup job that matches.', 'wiki'],
      [`/jobs?resource=${arn('wiki')}&since=hour`, 'wiki', 'photos'],
      [`/jobs?kind=copy&resource=${arn('wiki')}`, 'No copy job that matches.', 'web-assets'],
      [`/jobs?kind=restore&resource=${arn('wiki')}`, 'No restore job that matches.', 'web-assets'],
      ['/jobs?kind=test', 'No restore test yet.', 'wiki'],
      ['/resources?show=unprotected', 'photos', 'wiki'],
      ['/resources?show=unprotected', 'photos', 'web-assets-back'],
      ['/resources?show=restored', /^Restored from web-assets at /, 'photos'],
      ['/resources?name=WEB-ASSETS-B', 'web-assets-back', 'web-assets'],
      ['/resources?show=kept&name=fs-0000', 'No resource is called so.', 'wiki'],
      ['/vaults?name=PROD', 'production', 'archive'],
      ['/plans?name=production-', 'production-daily', 'None'],
      ['/plans?name=weekly', 'No backup plan is called so.', 'production-daily'],
      ['/access?name=gra', 'grace', 'ada'],
      ['/access?tab=roles&name=rds', 'rds-backup', 'AWSBackupDefaultServiceRole'],
      ['/resources?show=protected&type=EFS', 'wiki', 'photos'],
      ['/resources?show=overdue', 'Nothing is overdue', 'wiki'],
      ['/resources?type=RDS', 'Nothing of this type is registered.', 'wiki'],
      [`/vaults/production?resource=${arn('wiki')}`, 'wiki', 'accounting'],
      ['/vaults/production?type=RDS', 'No recovery point that matches.', 'wiki'],
      [`/plans/${filled.planId}/assign`, 'web-assets-back', 'No'],
      ['/audit?effect=Deny&since=hour', 'Denied', 'backup:CreateBackupVault'],
    ]
    for (const [path, shown, hidden] of lists) {
      const page = await pageAsRoot(path)
      await shows(page, page.locator('main').getByText(shown))
      assert.equal(await page.locator('main').getByText(hidden, { exact: true }).count(), 0, path)
    }
    // By hand, too: what is chosen and typed is in the address.
    const page = await pageAsRoot('/jobs')
    for (const [field, choice] of [
      ['State', 'Failed'],
      ['When', 'The last hour'],
    ] as const) {
      await choose(
        page.getByRole('button', { name: new RegExp(`^${field}`) }),
        page.getByRole('option', { name: choice, exact: true }),
      )
    }
    await page
      .getByRole('row', { name: /Completed/ })
      .first()
      .waitFor({ state: 'detached' })
    await shows(page, page.getByRole('row', { name: /Failed.*accounting/ }))
    await becomes(() => new URL(page.url()).search, '?state=FAILED&since=hour')
    await choose(
      page.getByRole('button', { name: /^Resource Any|^Resource acc/ }),
      page.getByRole('option', { name: /accounting/ }),
      'CCOUNT',
    )
    await shows(page, page.getByRole('button', { name: 'Resource accounting' }))
    await shows(page, page.getByRole('row', { name: /Failed.*accounting/ }))
    await becomes(() => new URL(page.url()).search, `?state=FAILED&since=hour&resource=${arn('accounting')}`)
  },
)

test('the overview names denials, and growth and usage say what is kept', { skip: missing }, async () => {
  const page = await pageAsRoot('/')
  await shows(page, page.getByText(/^dba (?:PassRole|GetRole) /))
  const kept = await server.call('backup', 'ListRecoveryPointsByBackupVault', {
    BackupVaultName: 'production',
  })
  const bytes = (kept.RecoveryPoints ?? []).reduce((sum, one) => sum + (one.BackupSizeInBytes ?? 0), 0)
  assert.ok(bytes > 2 ** 20)
  await shows(page, page.getByText(/MiB in \d+ recovery points\. A forecast takes a week\./))
  await goTo(page, '/vaults/production?tab=usage')
  const points = kept.RecoveryPoints?.length
  await shows(page, page.getByText(`${(bytes / 2 ** 20).toFixed(1)} MiB in ${points} recovery points.`))
})

test('each form shows the same as a command line, and never a secret', { skip: missing }, async () => {
  const web = encodeURIComponent(filled.resources.get('web-assets') ?? '')
  const forms: readonly (readonly [path: string, command: RegExp])[] = [
    [`/plans/${filled.planId}?tab=code`, /^aws backup create-backup-plan /],
    [`/plans/${filled.planId}/assign`, /^aws backup create-backup-selection /],
    [`/back-up?resource=${web}`, /^aws backup start-backup-job /],
    [`/restore/production/${encodeURIComponent(filled.pointArn)}`, /^aws backup start-restore-job /],
    ['/access/role/rds-backup?tab=trust', /^aws iam update-assume-role-policy /],
    ['/search?vault=production', /^\.\/roleback search production/],
    // What came with a link, or is what a stranger asked for, is one word of the command that somebody copies.
    ['/audit?on=x%27%3B+date%3B+%27', / --resource 'x'\\''; date; '\\'''$/],
    ['/audit?on=x%1B%27%0Ay', / --resource \$'x\\u001b\\'\\u000ay'$/],
    ['/settings', /^\.\/roleback guard enforce$/],
    ['/access/explain', /^\.\/roleback explain ID$/],
    ['/resources/add', /^\.\/roleback resource add directory NAME PATH$/],
  ]
  await goTo(root, `/plans/${filled.planId}`)
  await shows(root, root.getByText('Daily at 01:30, Europe/Berlin'))
  await shows(root, root.getByText(/\d{4}, .*, nightly$/))
  for (const [path, command] of forms) {
    const page = await pageAsRoot(path)
    await page
      .getByRole('button', { name: /^The same / })
      .last()
      .click()
    assert.match(await page.locator('pre.command').last().innerText(), command, path)
  }
  await root.getByRole('radio', { name: 'PostgreSQL database' }).check()
  await root.getByLabel('Password', { exact: true }).fill('hidden-word')
  const shown = await root.locator('pre.command').last().innerText()
  assert.match(shown, /--password-file FILE/)
  assert.doesNotMatch(shown, /hidden-word/)
})

test('a file is found by its name and the restore of it alone is ready', { skip: missing }, async () => {
  const page = await pageAsRoot('/search?vault=production&pattern=file-7.*')
  await page.getByRole('button', { name: 'Search', exact: true }).click()
  const found = page.getByRole('row', { name: /file-7\.dat.*wiki/ })
  await shows(page, found)
  await found.getByRole('link', { name: 'Restore' }).click()
  await page.getByRole('heading', { level: 1, name: 'Restore' }).waitFor()
  assert.match(await page.getByLabel(/^Only these paths/).inputValue(), /file-7\.dat$/)
})

test('a search is narrowed by size and day, and says what is neither', { skip: missing }, async () => {
  const page = await pageAsRoot('/search?vault=production&pattern=file-7.*')
  const search = page.getByRole('button', { name: 'Search', exact: true })
  await page.getByLabel(/^Changed from/).fill('yesterday')
  await search.click()
  await shows(page, page.getByText('"yesterday" is no day, such as 2026-11-01.'))
  await page.getByLabel(/^Changed from/).fill('2026-01-01')
  await page.getByLabel(/^At least so large/).fill('0.1')
  await search.click()
  await shows(page, page.getByRole('row', { name: /file-7\.dat.*accounting/ }))
  assert.equal(await page.getByRole('row', { name: /file-7\.dat.*wiki/ }).count(), 0, '54.7 KiB is less')
  await page.waitForURL(/least=0\.1&from=2026-01-01/)
  assert.match(
    await page.locator('pre.command').last().innerText(),
    /--min-size 104858 --modified-after 20\d\d-\d\d-\d\dT[\d:]+Z$/,
  )
  await page.getByLabel(/^At least so large/).fill('')
  await choose(
    page.getByRole('button', { name: /^Resource / }),
    page.getByRole('option', { name: /^wiki/ }),
    'wik',
  )
  await search.click()
  await shows(page, page.getByRole('row', { name: /file-7\.dat.*wiki/ }))
  assert.equal(await page.getByRole('row', { name: /file-7\.dat.*accounting/ }).count(), 0)
})

test(
  'a recovery point is copied into another vault after its rights were checked',
  { skip: missing },
  async () => {
    const page = await pageAsRoot('/vaults/production')
    const id = filled.pointArn.split(':').at(-1) ?? ''
    await page.getByRole('button', { name: `Copy ${id}` }).click()
    const dialog = page.getByRole('dialog')
    await choose(
      dialog.getByRole('button', { name: /^Into the vault/ }),
      page.getByRole('option', { name: 'archive' }),
    )
    await dialog.getByLabel('Keep it for days (optional)').fill('40')
    await shows(page, dialog.getByText(/Everything it will need is allowed/))
    await dialog.getByRole('button', { name: 'Copy', exact: true }).last().click()
    await page.getByRole('heading', { level: 1, name: /^Copy / }).waitFor()
    await shows(page, page.getByText('Completed', { exact: true }))
    const { RecoveryPoints = [] } = await server.call('backup', 'ListRecoveryPointsByBackupVault', {
      BackupVaultName: 'archive',
    })
    assert.equal(RecoveryPoints.length, 1)
    const made = RecoveryPoints[0]?.RecoveryPointArn?.split(':').at(-1) ?? ''
    await page.getByRole('link', { name: made }).click()
    await page.getByRole('heading', { level: 1, name: 'Restore' }).waitFor()
    await shows(page, page.getByRole('link', { name: 'archive' }))
  },
)

test(
  'damage in a vault is found by a verification, told at the vault, its recovery point and in the settings, and is repaired as far as can be',
  { skip: missing },
  async () => {
    const { pointArn, resourceArn } = await rotten()
    const page = await pageAsRoot('/vaults/rotting?tab=health')
    await shows(page, page.getByText('Not read through yet'))
    await page.getByRole('button', { name: 'Verify now' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Verify', exact: true }).click()
    await page.getByRole('heading', { level: 1, name: /^Verify / }).waitFor()
    await shows(page, page.getByText(/^Verify found damage in backup vault rotting/))
    await shows(page, page.getByRole('row', { name: /1 item \/letter\.txt/ }))

    await goTo(page, '/vaults/rotting')
    await shows(page, page.getByText('Damaged', { exact: true }))
    await goTo(page, `/restore/rotting/${encodeURIComponent(pointArn)}`)
    await shows(page, page.getByText('Damaged in its vault: 1 item of it cannot be restored as backed up'))
    assert.equal(await page.getByText('Available', { exact: true }).count(), 0)

    await goTo(page, `/resources/${encodeURIComponent(resourceArn)}`)
    await shows(page, page.getByRole('row', { name: /Damaged.*rotting/ }))
    await shows(
      page,
      page.getByRole('link', { name: /^Restore from .*, damaged$/ }).locator('circle.partial'),
    )

    await goTo(page, '/vaults')
    await shows(page, page.getByRole('row', { name: /rotting.*Damaged/ }))
    await goTo(page, '/')
    await shows(page, page.getByText('1 recovery point is damaged'))
    await shows(page, page.getByText(/newest was of .* and is damaged/).last())
    await page.getByRole('link', { name: 'rotting', exact: true }).click()
    await shows(page, page.getByRole('heading', { name: 'Damaged recovery points' }))

    await goTo(page, '/settings?tab=health')
    await shows(page, page.getByText('Damaged: 1 recovery point, 1 object'))
    await shows(page, page.getByRole('heading', { name: 'System vault' }))
    await page.getByRole('link', { name: 'rotting' }).click()
    await page.getByRole('button', { name: 'Repair' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Repair', exact: true }).click()
    await page.getByRole('heading', { level: 1, name: /^Repair / }).waitFor()
    await shows(page, page.getByText(/^Repair could not make all of backup vault rotting whole/))
    await shows(page, page.getByText('Identity'))
    await goTo(page, '/vaults/rotting?tab=health')
    await shows(page, page.getByText(/^Repair could not make all of backup vault rotting whole/))
  },
)

/** A recovery point in the vault `rotting`, whose one pack has rotted. */
async function rotten(): Promise<{ readonly pointArn: string; readonly resourceArn: string }> {
  const { call } = server
  const path = join(folder, 'letters')
  mkdirSync(path)
  writeFileSync(join(path, 'letter.txt'), 'all my love '.repeat(200))
  await call('backup', 'CreateBackupVault', { BackupVaultName: 'rotting' })
  const { ResourceArn } = await call('roleback', 'RegisterResource', {
    ResourceType: 'EFS',
    Name: 'letters',
    Connection: { Path: path },
  })
  const known = new Set(packs())
  const { BackupJobId = '' } = await call('backup', 'StartBackupJob', {
    BackupVaultName: 'rotting',
    ResourceArn,
    IamRoleArn: `arn:aws:iam::${ACCOUNT}:role/service-role/AWSBackupDefaultServiceRole`,
  })
  await backupEnded(server, BackupJobId)
  const pack = packs().find((one) => !known.has(one)) ?? assert.fail('no pack came')
  const bytes = readFileSync(pack)
  // Behind the seed: in its one segment.
  bytes[40] = (bytes[40] ?? 0) ^ 1
  writeFileSync(pack, bytes)
  const { RecoveryPointArn: pointArn = '' } = await call('backup', 'DescribeBackupJob', { BackupJobId })
  return { pointArn, resourceArn: ResourceArn }
}

function packs(): string[] {
  const root = join(folder, 'data', 'vaults')
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\/data\/..\/[0-9a-f]{64}$/.test(file))
    .map((file) => join(root, file))
}
