import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { fromBase32, totpCode, totpStep } from '../../src/lib/totp.ts'
import { serverProcess } from '../../test/fixtures/server-process.ts'
import type { ServerProcess } from '../../test/fixtures/server-process.ts'
import { complaintsOf, launch, missing, shows, signInWithKey } from './browser.ts'
import { goTo } from './screens.ts'

/** Users, roles and policies are made, given rights and asked about in the browser alone. */

const folder = mkdtempSync(join(tmpdir(), 'roleback-console-'))
let server: ServerProcess
let browser: Browser
let page: Page
let complaints: string[]

before(async () => {
  if (missing !== false) return
  server = await serverProcess(join(folder, 'data'))
  await server.start()
  await server.call('roleback', 'CreateDefaultServiceRole', {})
  browser = await launch()
  page = await browser.newPage()
  complaints = complaintsOf(page)
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
  'a user is created, given an inline policy whose actions are completed, and a key that is shown once',
  { skip: missing },
  async () => {
    await goTo(page, '/access')
    await page.getByRole('button', { name: 'Create user' }).click()
    await page.getByRole('dialog').getByLabel('Name').fill('operator')
    await page.getByRole('dialog').getByRole('button', { name: 'Create user' }).click()
    await page.getByRole('heading', { level: 1, name: 'operator' }).waitFor()

    await page.getByRole('button', { name: 'Add inline policy' }).click()
    await page.getByRole('dialog').getByLabel('Name').fill('starts-backups')
    await page.getByRole('dialog').getByRole('button', { name: 'Write it' }).click()
    const document = page.getByLabel('Policy document (JSON)')
    await document.fill('')
    await document.pressSequentially(
      '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":"*","Action":"backup:StartBa',
    )
    await page.getByRole('button', { name: 'backup:StartBackupJob' }).click()
    await document.press('End')
    await document.pressSequentially('"}]}')
    await page.getByRole('button', { name: 'Save' }).click()
    await shows(page, page.getByText('The policy was saved.'))
    const { PolicyDocument } = await server.call('iam', 'GetUserPolicy', {
      UserName: 'operator',
      PolicyName: 'starts-backups',
    })
    assert.deepEqual(JSON.parse(decodeURIComponent(PolicyDocument)), {
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Resource: '*', Action: 'backup:StartBackupJob' }],
    })

    await goTo(page, '/access/user/operator?tab=keys')
    await page.getByRole('button', { name: 'Create access key' }).click()
    await page.getByRole('dialog').getByLabel('Ends after days (optional)').fill('7')
    await page.getByRole('dialog').getByRole('button', { name: 'Create access key' }).click()
    await shows(page, page.getByText('The secret is shown this once.'))
    await page.getByRole('button', { name: 'I have kept it' }).click()
    await shows(page, page.getByText('Active', { exact: true }))
    const { AccessKeys } = await server.call('roleback', 'ListLimitedAccessKeys', { UserName: 'operator' })
    assert.ok(AccessKeys[0]?.ExpirationDate !== undefined, 'it ends')
    assert.deepEqual(complaints, [])
  },
)

test(
  'a role is created for backups, a policy is attached and detached again',
  { skip: missing },
  async () => {
    await goTo(page, '/access?tab=roles')
    await page.getByRole('button', { name: 'Create role' }).click()
    await page.getByRole('dialog').getByLabel('Name').fill('databases')
    await page.getByRole('dialog').getByRole('button', { name: 'Create role' }).click()
    await page.getByRole('heading', { level: 1, name: 'databases' }).waitFor()
    await page.getByRole('button', { name: 'Attach policy' }).click()
    await page
      .getByRole('dialog')
      .getByRole('button', { name: /^Policy/ })
      .click()
    await page.getByRole('option', { name: /AWSBackupServiceRolePolicyForRDSBackup/ }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Attach', exact: true }).click()
    await shows(page, page.getByRole('link', { name: 'AWSBackupServiceRolePolicyForRDSBackup' }))

    await goTo(page, '/access?tab=matrix')
    await shows(page, page.getByRole('button', { name: 'databases: PostgreSQL: back up: Allowed' }))
    await shows(page, page.getByRole('button', { name: 'databases: Directory: back up: No' }))
    const byDefault = page.getByRole('button', {
      name: 'AWSBackupDefaultServiceRole: Directory: back up: Allowed',
    })
    await byDefault.click()
    await shows(page, page.getByText(/decided by AWSBackupServiceRolePolicyForBackup/))

    await goTo(page, '/access/role/databases')
    await page.getByRole('button', { name: 'Detach AWSBackupServiceRolePolicyForRDSBackup' }).click()
    await page.getByRole('dialog').getByLabel('Type detach').fill('detach')
    await page.getByRole('dialog').getByRole('button', { name: 'Detach' }).click()
    await shows(page, page.getByText('None is attached.'))
  },
)

test('a user is given a password and an MFA device, which are asked for', { skip: missing }, async () => {
  await goTo(page, '/access/user/operator?tab=sign-in')
  await page.getByRole('button', { name: 'Set password' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('New password').fill('correct horse Battery 9!')
  await dialog.getByText('Must be changed at the next sign-in').click()
  await dialog.getByRole('button', { name: 'Save password' }).click()
  await shows(page, page.getByText('Stays', { exact: true }))
  await page.getByRole('button', { name: 'Add MFA device' }).click()
  await dialog.getByRole('button', { name: 'Show the code to scan' }).click()
  await dialog.getByRole('img', { name: 'QR code of the device' }).waitFor()
  const seed = fromBase32((await dialog.getByText(/^[A-Z2-7]{32,}$/).textContent()) ?? '')
  const step = totpStep(Date.now())
  await dialog.getByLabel('First code').fill(totpCode(seed, step - 1))
  await dialog.getByLabel('The code after it').fill(totpCode(seed, step))
  await dialog.getByRole('button', { name: 'Add device' }).click()
  await shows(page, page.getByText('arn:aws:iam::123456789012:mfa/operator'))
  const { MFADevices } = await server.call('iam', 'ListMFADevices', { UserName: 'operator' })
  assert.equal(MFADevices.length, 1, 'it is enabled, and closing the dialog did not forget it')
  await assert.rejects(
    server.call('iam', 'DeleteVirtualMFADevice', { SerialNumber: MFADevices[0]?.SerialNumber ?? '' }),
    /DeleteConflict|MFA/,
  )
  assert.deepEqual(complaints, [])
})

test('what a user may is simulated, and the link asks the same again', { skip: missing }, async () => {
  const who = 'arn:aws:iam::123456789012:user/operator'
  await goTo(
    page,
    `/access/simulate?who=${encodeURIComponent(who)}&actions=backup%3AStartBackupJob%0Aiam%3APassRole`,
  )
  await shows(page, page.getByText(/decided by starts-backups/))
  await shows(page, page.getByText('no statement allows it.'))
})
