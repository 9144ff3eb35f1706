import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { makeRecoveryKit } from '../../src/keyring/recovery-kit.ts'
import { fromBase32, totpCode, totpStep } from '../../src/lib/totp.ts'
import { serverProcess } from '../../test/fixtures/server-process.ts'
import type { ServerProcess } from '../../test/fixtures/server-process.ts'
import { choose, launch, missing, shows, signInWithKey, tick } from './browser.ts'
import { ACCOUNT, fill } from './filled.ts'
import type { Filled } from './filled.ts'
import { goTo } from './screens.ts'
import { makeWatcher } from './views.ts'

/** Who may do what: how the console says it, by which statement, and how it helps with what is missing. */

const folder = mkdtempSync(join(tmpdir(), 'roleback-console-'))
const RDS_ROLE = `arn:aws:iam::${ACCOUNT}:role/rds-backup`
const DEFAULT_ROLE = `arn:aws:iam::${ACCOUNT}:role/service-role/AWSBackupDefaultServiceRole`
let server: ServerProcess
let browser: Browser
let filled: Filled
let page: Page

before(async () => {
  if (missing !== false) return
  server = await serverProcess(join(folder, 'data'))
  await server.start()
  filled = await fill(server, folder)
  browser = await launch()
  page = await browser.newPage()
  await signInWithKey(page, server.url, server.rootKey)
})

after(async () => {
  if (missing === false) {
    await browser.close()
    await server.kill('SIGTERM')
  }
  rmSync(folder, { recursive: true, force: true })
})

test(
  'the matrix of roles and resource types says what each role can touch, and a cell by which statement',
  { skip: missing },
  async () => {
    await goTo(page, '/access?tab=matrix')
    const cell = (role: string, work: string, verdict: string) =>
      page.getByRole('button', { name: `${role}: ${work}: ${verdict}`, exact: true })
    const wanted: Readonly<Record<string, readonly [ofDefault: string, ofDatabases: string]>> = {
      'Directory: back up': ['Allowed', 'No'],
      'Directory: restore': ['Allowed', 'No'],
      'PostgreSQL: back up': ['Allowed', 'Allowed'],
      'PostgreSQL: restore': ['Allowed', 'Allowed'],
      'S3 bucket: back up': ['Allowed', 'No'],
    }
    for (const [work, [ofDefault, ofDatabases]] of Object.entries(wanted)) {
      await shows(page, cell('AWSBackupDefaultServiceRole', work, ofDefault))
      await shows(page, cell('rds-backup', work, ofDatabases))
    }
    const others = page.getByRole('row', { name: /AWSServiceRoleForBackupReports/ })
    assert.equal(await others.count(), 0, 'a role of reports, which nobody can pass, is none for backups')
    const [needed, there] = await page
      .getByRole('grid', { name: 'What roles can touch' })
      .evaluate((table): [number, number] => [table.scrollWidth, table.parentElement?.clientWidth ?? 0])
    assert.ok(needed <= there, `all of it is seen in a window of 1280: it needs ${needed} of ${there}`)
    await cell('rds-backup', 'PostgreSQL: back up', 'Allowed').click()
    await shows(page, page.getByText(/decided by AWSBackupServiceRolePolicyForRDSBackup, RDS\w+/))
    await cell('rds-backup', 'Directory: back up', 'No').click()
    await shows(page, page.getByText('rds-backup, elasticfilesystem:Backup: no statement allows it.'))
  },
)

test(
  'who may pass which role, or delete what a vault holds, is listed with the statement that lets him',
  { skip: missing },
  async () => {
    await goTo(page, '/access?tab=pass')
    await shows(
      page,
      page.getByRole('row', { name: /^dba user rds-backup .*databases-only, PassTheDatabaseRole/ }),
    )
    await shows(
      page,
      page.getByRole('row', { name: /^ada user AWSBackupDefaultServiceRole .*AdministratorAccess/ }),
    )
    assert.equal(await page.getByRole('row', { name: /^dba user AWSBackupDefaultServiceRole/ }).count(), 0)
    assert.equal(await page.getByRole('row', { name: /^grace/ }).count(), 0)
    const drawn = await page.locator('svg.pass-graph text').allTextContents()
    assert.ok(drawn.some((text) => text.startsWith('dba')) && !drawn.some((text) => text.startsWith('grace')))
    await goTo(page, '/vaults/production?tab=who-can')
    await shows(
      page,
      page.getByRole('row', { name: /^root root Can the account’s root user may everything/ }).first(),
    )
    await shows(
      page,
      page.getByRole('row', { name: /^ada user Can AdministratorAccess, statement 1/ }).nth(1),
    )
    await shows(page, page.getByRole('heading', { name: 'Who can delete a recovery point in it' }))
    await shows(page, page.getByText(/^The vault itself can be deleted by nobody as things are: .* holds/))
  },
)

test('of each permission is told whether it was used, and what gave it', { skip: missing }, async () => {
  await server.callAs(filled.dba)('backup', 'ListBackupVaults', {})
  await goTo(page, '/access/user/dba?tab=unused')
  const rowOf = (action: string, use: string) =>
    page.getByRole('row', { name: new RegExp(`^${action} databases-only, .*${use}`) })
  await shows(page, page.getByText(/ of \d+ were not used since /))
  await shows(page, rowOf('backup:StartRestoreJob', 'Unused 0'))
  await shows(page, page.getByRole('row', { name: /^backup:List.* 1 .*backup:ListBackupVaults$/ }))
})

test(
  'what somebody may is simulated from a form, and each answer names its statement',
  { skip: missing },
  async () => {
    await goTo(page, '/access/simulate')
    await page.getByLabel('Who (ARN)').fill(`arn:aws:iam::${ACCOUNT}:user/dba`)
    await page
      .getByLabel('Actions, one a line')
      .fill('iam:PassRole\nbackup:DeleteRecoveryPoint\nbackup:StartBackupJob')
    await page.getByLabel(/^On /).fill(`${RDS_ROLE}\n${DEFAULT_ROLE}`)
    await page.getByRole('button', { name: 'Simulate', exact: true }).click()
    const answers = page.getByRole('table', { name: 'Answer' })
    await shows(
      page,
      answers.getByRole('row', {
        name: /^iam:PassRole .*rds-backup Depends .*It depends on iam:PassedToService/,
      }),
    )
    await shows(
      page,
      answers.getByRole('row', { name: /^iam:PassRole .*ServiceRole No no statement allows it/ }),
    )
    assert.equal(await answers.getByRole('row', { name: /^backup:DeleteRecoveryPoint .* No / }).count(), 2)
    await shows(
      page,
      answers.getByRole('row', {
        name: /^backup:StartBackupJob .* Allowed decided by databases-only, BackUpAndRestore/,
      }),
    )
    assert.match(page.url(), /who=arn.*dba&actions=iam%3APassRole/)
  },
)

test(
  'a denial in the trail leads to its explanation: who asked, which layer, what nearly applied, what would allow it',
  { skip: missing },
  async () => {
    await goTo(page, '/audit?effect=Deny')
    const denied = page.getByRole('row', { name: /dba.*PassRole/ }).first()
    await shows(page, denied)
    await denied.getByText('Explain', { exact: true }).click()
    await shows(page, page.getByText('dba may not iam:PassRole'))
    const near = page.getByRole('table', { name: 'Near misses' })
    await shows(page, near.getByRole('row', { name: /databases-only, PassTheDatabaseRole/ }))
    const layers = page.getByRole('table', { name: 'Layers' })
    await shows(
      page,
      layers.getByRole('row', { name: 'Policies of the identity Does not allow databases-only –' }),
    )
    const proposed = JSON.parse(await page.locator('pre.command').first().innerText()) as { Action: string }
    assert.match(JSON.stringify(proposed), /iam:PassRole/)
    assert.match(JSON.stringify(proposed), /AWSBackupDefaultServiceRole/)
    await goTo(page, `/access/explain/${await deniedByVault('offsite')}`)
    await shows(page, page.getByText('With an explicit deny in a resource-based policy: offsite, KeepOut'))
    await shows(
      page,
      layers.getByRole('row', { name: 'Policy of the resource Denies offsite offsite, KeepOut' }),
    )
    await shows(
      page,
      page.getByText(/^An explicit deny in .* \(statement KeepOut\) must be removed or narrowed$/),
    )
    await page.getByRole('link', { name: /user\/dba$/ }).click()
    await page.getByRole('heading', { level: 1, name: 'dba' }).waitFor()
  },
)

/** @returns The authorization id under which the vault's policy refused `dba`. */
async function deniedByVault(BackupVaultName: string): Promise<string> {
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'KeepOut',
        Effect: 'Deny',
        Principal: { AWS: `arn:aws:iam::${ACCOUNT}:user/dba` },
        Action: 'backup:DescribeBackupVault',
        Resource: '*',
      },
    ],
  })
  await server.call('backup', 'PutBackupVaultAccessPolicy', { BackupVaultName, Policy })
  const refused = server.callAs(filled.dba)('backup', 'DescribeBackupVault', { BackupVaultName })
  const error: unknown = await refused.catch((reason: unknown) => reason)
  await server.call('backup', 'DeleteBackupVaultAccessPolicy', { BackupVaultName })
  const [, id] = /Authorization id: (\S+)/.exec(error instanceof Error ? error.message : '') ?? []
  assert.ok(id, 'the vault’s policy refuses him')
  return id
}

test(
  'before resources are assigned each missing right is told, and a role that can do just this is made',
  { skip: missing },
  async () => {
    await goTo(page, `/plans/${filled.planId}/assign`)
    await page.getByLabel('Resource assignment name').fill('just the wiki')
    await page.getByLabel('Resource assignment name').press('Tab')
    await shows(page, page.getByText(/^“just the wiki” is not allowed/))
    await page.getByLabel('Resource assignment name').fill('just-the-wiki')
    await page.getByRole('radio', { name: 'Include specific resource types' }).check()
    assert.ok(await page.getByRole('button', { name: 'Assign resources' }).isDisabled(), 'it selects nothing')
    const wiki = filled.resources.get('wiki') ?? ''
    await choose(
      page.getByRole('button', { name: /^Directory/ }),
      page.getByRole('option', { name: 'Those that I choose' }),
    )
    await find('Chosen of the type Directory', 'WIK', 'wiki')
    await find('Excluded resources', 'phot', 'photos')
    await page.getByRole('button', { name: 'Refine by a tag' }).click()
    await page.getByLabel('Tag key').fill('env')
    await choose(
      page.getByRole('button', { name: /Condition/ }),
      page.getByRole('option', { name: /^is not/ }),
    )
    await page.getByLabel('Tag value').fill('office')
    const preview = page.getByRole('grid', { name: 'What it selects now' })
    await shows(page, page.getByText('1 of 7 registered resources'))
    await shows(page, preview.getByRole('row', { name: /^Yes wiki Directory it is assigned itself/ }))
    await page.getByRole('button', { name: 'Left out' }).click()
    await shows(
      page,
      preview.getByRole('row', { name: /^No photos Directory neither it nor a tag of it is assigned/ }),
    )
    await page.getByRole('radio', { name: 'Choose an IAM role' }).check()
    await choose(
      page.getByRole('button', { name: /IAM role/ }),
      page.getByRole('option', { name: /rds-backup/ }),
    )
    await shows(page, page.getByText(/rights? (is|are) missing: it would fail/))
    const checked = page.getByRole('table', { name: 'Checked rights' })
    await shows(page, checked.getByRole('row', { name: /Denied.*elasticfilesystem:Backup.*file-system/ }))
    await page.getByRole('button', { name: /^Create a least-privilege role/ }).click()
    await page.getByLabel('Name of the role').fill('just-this')
    const command = page.getByText(
      /^aws iam create-role [^]*--role-name just-this[^]*\naws iam put-role-policy /,
    )
    assert.equal(await command.count(), 1, 'the same with the aws CLI')
    await page.getByRole('button', { name: 'Create role' }).click()
    await shows(page, page.getByText('The role just-this was created, and is chosen.'))
    await shows(page, page.getByText(/Everything it will need is allowed/))
    await page.getByRole('button', { name: 'Assign resources' }).click()
    await shows(page, page.getByText(/^Resources were assigned to/))
    const { BackupSelectionsList = [] } = await server.call('backup', 'ListBackupSelections', {
      BackupPlanId: filled.planId,
    })
    const made = BackupSelectionsList.find(({ SelectionName }) => SelectionName === 'just-the-wiki')
    assert.equal(made?.IamRoleArn, `arn:aws:iam::${ACCOUNT}:role/just-this`)
    const { BackupSelection } = await server.call('backup', 'GetBackupSelection', {
      BackupPlanId: filled.planId,
      SelectionId: made?.SelectionId ?? '',
    })
    const { Resources, NotResources, Conditions } = BackupSelection ?? {}
    assert.deepEqual([Resources, NotResources], [[wiki], [filled.resources.get('photos')]])
    assert.deepEqual(
      { ...Conditions },
      { StringNotEquals: [{ ConditionKey: 'aws:ResourceTag/env', ConditionValue: 'office' }] },
    )
    const { PolicyDocument } = await server.call('iam', 'GetRolePolicy', {
      RoleName: 'just-this',
      PolicyName: 'least-privilege',
    })
    const { Statement } = JSON.parse(decodeURIComponent(PolicyDocument)) as {
      Statement: readonly { Action: unknown; Resource: unknown }[]
    }
    const wide = Statement.filter(({ Resource }) => Resource === '*').map(({ Action }) => Action)
    assert.deepEqual(wide, ['tag:GetResources'], 'which no resource can narrow')
    assert.ok(Statement.some(({ Resource }) => Resource === wiki))
  },
)

/** By a part of its name. */
async function find(field: string, part: string, name: string): Promise<void> {
  await page.getByRole('button', { name: new RegExp(field) }).click()
  await page.getByPlaceholder('Find by name').filter({ visible: true }).fill(part)
  // The server looks for the name: the others go.
  await page.getByRole('option', { name: 'accounting' }).waitFor({ state: 'hidden' })
  await tick(page.getByRole('option', { name }))
  await page.getByRole('heading', { level: 1 }).click()
}

test(
  'an assignment says what it selects and why, who made it, and goes after its word was typed',
  { skip: missing },
  async () => {
    await goTo(page, `/plans/${filled.planId}`)
    await page.getByRole('link', { name: 'just-the-wiki' }).click()
    await page.getByRole('heading', { level: 1, name: 'just-the-wiki' }).waitFor()
    await shows(page, page.getByRole('link', { name: 'just-this' }))
    await shows(page, page.getByText('root', { exact: true }).last())
    await shows(page, page.getByText('tag env is not office'))
    await shows(page, page.getByRole('row', { name: /^Yes wiki Directory it is assigned itself/ }))
    const documents = page.locator('pre.command')
    assert.match(await documents.first().innerText(), /not_resources = \[[^]*string_not_equals \{/)
    await page.getByRole('button', { name: 'Delete' }).click()
    const dialog = page.getByRole('dialog')
    const last = dialog.getByRole('button', { name: 'Delete assignment' })
    await dialog.getByLabel('Type delete').fill('delet')
    assert.ok(await last.isDisabled())
    await dialog.getByLabel('Type delete').fill('delete')
    await last.click()
    await shows(page, page.getByText('The assignment just-the-wiki was deleted.'))
    await page.getByRole('heading', { level: 1, name: 'production-daily' }).waitFor()
    const { BackupSelectionsList = [] } = await server.call('backup', 'ListBackupSelections', {
      BackupPlanId: filled.planId,
    })
    assert.deepEqual(
      BackupSelectionsList.map(({ SelectionName }) => SelectionName),
      ['tagged-production'],
    )
  },
)

test(
  'whoever may only list jobs sees on the overview what follows from these, and of the rest that he may not and why',
  { skip: missing },
  async () => {
    const watcher = await browser.newPage()
    await signInWithKey(watcher, server.url, await makeWatcher(server))
    const tile = (label: string) => watcher.locator('.tiles > div').filter({ hasText: label })
    await shows(watcher, tile('Failed in 24 h').getByRole('link', { name: '1', exact: true }))
    await shows(watcher, tile('Running').getByRole('link', { name: '0', exact: true }))
    await shows(watcher, tile('Protected').getByText('You may not see it.'))
    await shows(watcher, watcher.getByText('Backups failed in the last 24 hours'))
    await shows(watcher, watcher.getByText('You may not look at the audit trail'))
    await goTo(watcher, '/jobs')
    await shows(watcher, watcher.getByRole('link', { name: 'web-assets', exact: true }))
    await goTo(watcher, '/')
    await tile('Overdue').getByRole('link', { name: 'Explain' }).click()
    await shows(watcher, watcher.getByText(/roleback:GetAuthorizationDetails/).first())
    await shows(watcher, watcher.getByText(/^Give the id \w+ to somebody who may/))
    const button = (name: string) => watcher.getByRole('button', { name, exact: true })
    assert.equal(await button('Explain').count(), 1, 'that of the form: no way round in a circle')
    await goTo(watcher, '/vaults/production')
    await shows(watcher, watcher.getByText('You may not look at this backup vault'))
    assert.equal(await button('Delete').count(), 0, 'of what he may not see')
    await watcher.close()
  },
)

test(
  'whoever has AWS’s rights alone reads names of resources in lists that AWS gives none',
  { skip: missing },
  async () => {
    const UserName = 'restorer'
    await server.call('iam', 'CreateUser', { UserName })
    await server.call('iam', 'PutUserPolicy', {
      UserName,
      PolicyName: 'lists',
      PolicyDocument: JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Action: 'backup:List*', Resource: '*' }],
      }),
    })
    const { AccessKey } = await server.call('iam', 'CreateAccessKey', { UserName })
    const restorer = await browser.newPage()
    await signInWithKey(restorer, server.url, {
      accessKeyId: AccessKey.AccessKeyId,
      secretAccessKey: AccessKey.SecretAccessKey,
    })
    await goTo(restorer, '/jobs?kind=restore')
    await shows(restorer, restorer.getByRole('row', { name: /Completed.* web-assets .*Directory/ }))
    await shows(restorer, restorer.getByRole('link', { name: 'AWSBackupDefaultServiceRole' }))
    await restorer.close()
  },
)

test(
  'a restore’s picture has the right to its recovery point, and what it made',
  { skip: missing },
  async () => {
    await goTo(page, `/jobs/restore/${filled.restoreJobId}`)
    const arrow = (name: RegExp) => page.getByRole('button', { name })
    await shows(page, arrow(/^The session works on the restored resource: allowed/))
    await arrow(/^The recovery point is read from the vault: allowed$/).click()
    const read = page.getByRole('table', { name: 'The recovery point is read from the vault' })
    await shows(page, read.getByRole('row', { name: /^Allowed backup:StartRestoreJob .*recovery-point:/ }))
    const picture = page.getByRole('group', { name: 'Caller, role, session and what it works on' })
    await shows(page, picture.getByText('Restored resource', { exact: true }))
    await shows(page, picture.getByText('production', { exact: true }))
    // Its facts name them, too, and lead to them.
    for (const name of ['production', 'web-assets-back']) await shows(page, page.getByRole('link', { name }))
  },
)

test(
  'R20 vaults are given to another recovery kit by somebody with MFA, and by nobody else',
  { skip: missing },
  async () => {
    const { publicKey } = makeRecoveryKit('not used', { cost: 1024 })
    const give = async (as: Page): Promise<void> => {
      await goTo(as, '/settings?tab=kit')
      await shows(as, as.getByText('The recovery kit still lies on the server'))
      await as.getByRole('button', { name: 'Give vaults to another kit' }).click()
      const dialog = as.getByRole('dialog')
      await dialog.getByLabel('Public key of the kit').fill(publicKey)
      await dialog.getByRole('button', { name: 'Give vaults to it' }).click()
    }
    await give(page)
    await shows(page, page.getByText(/a recovery kit is issued to somebody with MFA alone/))
    const other = await browser.newPage()
    const { key, code } = await keeper()
    await signInWithKey(other, server.url, key, code)
    await give(other)
    await shows(other, other.getByText('Another kit was issued'))
    const { Jobs } = await server.call('roleback', 'ListJobs', { JobType: 'rotate-key' })
    const { BackupVaultList = [] } = await server.call('backup', 'ListBackupVaults', {})
    assert.equal(Jobs.length, BackupVaultList.length, 'each vault gets a key for it')
    await goTo(other, `/jobs/upkeep/${Jobs[0]?.JobId}`)
    await shows(other, other.getByRole('heading', { level: 1, name: /^New key / }))
    await other.close()
  },
)

/** An administrator with a device, and its next code. */
async function keeper(): Promise<{ key: Filled['dba']; code: () => string }> {
  const { call } = server
  await call('iam', 'CreateUser', { UserName: 'keeper' })
  await call('iam', 'AttachUserPolicy', {
    UserName: 'keeper',
    PolicyArn: 'arn:aws:iam::aws:policy/AdministratorAccess',
  })
  const { VirtualMFADevice: device } = await call('iam', 'CreateVirtualMFADevice', {
    VirtualMFADeviceName: 'keeper',
  })
  const seed = fromBase32(Buffer.from(device.Base32StringSeed ?? new Uint8Array()).toString())
  const step = totpStep(Date.now())
  await call('iam', 'EnableMFADevice', {
    UserName: 'keeper',
    SerialNumber: device.SerialNumber,
    AuthenticationCode1: totpCode(seed, step - 1),
    AuthenticationCode2: totpCode(seed, step),
  })
  const { AccessKey } = await call('iam', 'CreateAccessKey', { UserName: 'keeper' })
  return {
    key: { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey },
    code: () => totpCode(seed, totpStep(Date.now()) + 1),
  }
}
