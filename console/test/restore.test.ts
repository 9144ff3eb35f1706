import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { contentOf, fillBucket, registerBucket, s3ClientOf } from '../../test/fixtures/bucket.ts'
import { registerOrders, startOrders } from '../../test/fixtures/orders.ts'
import type { Orders } from '../../test/fixtures/orders.ts'
import { serverProcess } from '../../test/fixtures/server-process.ts'
import type { ServerProcess } from '../../test/fixtures/server-process.ts'
import { rgwMissing, startRgw } from '../../test/servers/ceph-rgw.ts'
import type { RgwServer } from '../../test/servers/ceph-rgw.ts'
import { postgresMissing } from '../../test/servers/postgres.ts'
import { becomes, choose, launch, missing, shows, signInWithKey } from './browser.ts'
import { backupEnded } from './filled.ts'
import { goTo } from './screens.ts'

/** What is restored, and what a restore would give whoever starts it. */

const folder = mkdtempSync(join(tmpdir(), 'roleback-restore-'))
const back = join(folder, 'back')
/** Why there is no bucket and no database. */
const sourcesMissing = missing === false ? (postgresMissing() ?? rgwMissing() ?? false) : missing
let rgw: RgwServer | undefined
let orders: Orders | undefined
let server: ServerProcess
let browser: Browser
let page: Page
let role: string
let path: string

before(async () => {
  if (missing !== false) return
  const source = join(folder, 'source')
  mkdirSync(back)
  mkdirSync(join(source, 'letters', '2026'), { recursive: true })
  for (let n = 0; n < 150; n++) writeFileSync(join(source, 'letters', '2026', `letter-${n}.txt`), `no. ${n}`)
  writeFileSync(join(source, 'letters', 'index.txt'), 'all letters')
  writeFileSync(join(source, 'notes.txt'), 'notes')
  if (sourcesMissing === false) {
    // The database's server runs as another account.
    chmodSync(folder, 0o755)
    rgw = await startRgw({ dir: join(folder, 'rgw') })
    orders = await startOrders({ scratch: folder })
  }
  const endpoints = [
    ...(rgw === undefined ? [] : [new URL(rgw.endpoint).host]),
    ...(orders === undefined ? [] : [`${orders.connection.Host}:${orders.connection.Port}`]),
  ]
  server = await serverProcess(
    join(folder, 'data'),
    endpoints.flatMap((endpoint) => ['--allow-endpoint', endpoint]),
  )
  await server.start()
  const { call } = server
  await call('backup', 'CreateBackupVault', { BackupVaultName: 'nightly' })
  role = (await call('roleback', 'CreateDefaultServiceRole', {})).RoleArn
  const { ResourceArn } = await call('roleback', 'RegisterResource', {
    ResourceType: 'EFS',
    Name: 'office',
    Connection: { Path: source, RestoreRoot: back },
  })
  for (let n = 0; n < 2; n++) path = await backedUp(ResourceArn)
  browser = await launch()
  page = await browser.newPage()
  await signInWithKey(page, server.url, server.rootKey)
})

after(async () => {
  if (missing === false) {
    await browser.close()
    await server.kill('SIGTERM')
    await orders?.[Symbol.asyncDispose]()
    await rgw?.stop()
  }
  rmSync(folder, { recursive: true, force: true })
})

/** Backs it up. @returns The screen to restore it from. */
async function backedUp(ResourceArn: string): Promise<string> {
  const { BackupJobId = '' } = await server.call('backup', 'StartBackupJob', {
    BackupVaultName: 'nightly',
    ResourceArn,
    IamRoleArn: role,
  })
  await backupEnded(server, BackupJobId)
  const job = await server.call('backup', 'DescribeBackupJob', { BackupJobId })
  assert.equal(job.State, 'COMPLETED', String(job.StatusMessage))
  return `/restore/nightly/${encodeURIComponent(job.RecoveryPointArn ?? '')}`
}

test(
  'a recovery point is one of a timeline, and a file in it is found by its name',
  { skip: missing },
  async () => {
    await goTo(page, path)
    await page.getByRole('list', { name: 'Recovery points, oldest first' }).getByRole('link').nth(1).waitFor()
    await page.getByRole('button', { name: 'Choose files or objects' }).click()
    await page.getByRole('tab', { name: 'By name' }).click()
    await page.getByLabel('Name', { exact: true }).fill('letter-7.*')
    await page.getByRole('button', { name: 'List what is in it' }).click()
    await page.getByRole('button', { name: /^Choose .*letter-7\.txt$/ }).click()
    assert.match(await page.getByLabel(/^Only these paths/).inputValue(), /letter-7\.txt$/)
  },
)

test(
  'a folder is opened down to its files, however many, and one that is chosen comes back alone',
  { skip: missing },
  async () => {
    await page.getByLabel(/^Only these paths/).fill('')
    await page.getByRole('tab', { name: 'By folder' }).click()
    const tree = page.getByRole('tree', { name: 'What is in this recovery point' })
    await shows(page, tree.getByText('notes.txt'))
    assert.equal(await tree.getByText('index.txt').count(), 0, 'nothing is read before it is opened')
    await tree.getByRole('button', { name: 'Open /letters/', exact: true }).click()
    await shows(page, tree.getByText('index.txt'))
    await tree.getByRole('button', { name: 'Open /letters/2026/' }).click()
    const letters = tree.getByText(/^letter-\d+\.txt$/)
    await shows(page, letters.nth(99))
    assert.equal(await letters.count(), 100)
    await tree.getByRole('button', { name: 'Show more of /letters/2026/ (50 others)' }).click()
    await shows(page, letters.nth(149))
    assert.equal(await tree.getByRole('button', { name: /^Show more/ }).count(), 0)
    await tree.getByRole('button', { name: 'Choose /letters/', exact: true }).click()
    await shows(page, tree.getByText('Chosen'))
    assert.equal(await page.getByLabel(/^Only these paths/).inputValue(), '/letters/')
    const name = page.getByLabel(/^Name of the new directory/)
    assert.match(await name.inputValue(), /^office-restored-\d{4}-\d\d-\d\dT\d\d-\d\d$/)
    const run = page.getByRole('button', { name: 'Dry run' })
    const dryRun = page.getByRole('table', { name: 'Dry run' })
    await name.fill('../elsewhere')
    await run.click()
    await shows(page, dryRun.getByText(/cannot name a directory/))
    await shows(page, page.getByText(/It would fail, and nothing behind the first No was looked at/))
    await name.fill('letters-back')
    assert.equal(await dryRun.count(), 0, 'what was found of another name is not shown of this one')
    await run.click()
    await shows(page, dryRun.getByText(/letters-back" can be made/))
    await shows(page, page.getByText('Nothing stands in its way. Nothing was changed.'))
    await shows(page, dryRun.getByText(/[\d.]+\s[KMGT]iB are free in/))
    await page.getByRole('button', { name: 'Restore', exact: true }).click()
    await page.getByRole('heading', { level: 1, name: /^Restore / }).waitFor()
    await ended()
    const made = readdirSync(back).filter((name) => !name.startsWith('.'))
    assert.equal(made.length, 1, made.join())
    const restored = join(back, made[0] as string)
    assert.deepEqual(readdirSync(restored, { recursive: true }).length, 153, restored)

    const spare = join(folder, 'spare')
    mkdirSync(spare)
    await server.call('roleback', 'RegisterResource', {
      ResourceType: 'EFS',
      Name: 'spare',
      Connection: { Path: spare },
    })
    await goTo(page, path)
    await page
      .getByRole('radio', { name: 'A folder of its own in another directory that is registered' })
      .check()
    await page.getByLabel(/^Only these paths/).fill('/notes.txt')
    const restore = page.getByRole('button', { name: 'Restore', exact: true })
    assert.equal(await restore.isEnabled(), false, 'into which, nobody has said')
    await choose(
      page.getByRole('button', { name: /^Directory to restore into/ }),
      page.getByRole('option', { name: /^spare/ }),
    )
    await shows(page, page.getByText(/Everything it will need is allowed/))
    await restore.click()
    await page.getByRole('heading', { level: 1, name: /^Restore / }).waitFor()
    await ended()
    const files = readdirSync(spare, { recursive: true, encoding: 'utf8' })
    assert.match(files.join(' '), /^(aws-backup-restore_\S+) \1\/notes\.txt$/)
  },
)

test(
  'a bucket is opened by the slashes of its keys, a database by its schemas, of which tables are chosen',
  { skip: sourcesMissing },
  async () => {
    const client = s3ClientOf(rgw as RgwServer)
    await fillBucket(client, 'console-tree', {
      'albums/2026/one.jpg': '1',
      'albums/2026/two.jpg': '22',
      'index <i>.html': 'i',
    })
    await goTo(page, await backedUp(await registerBucket(rgw as RgwServer, 'console-tree', server.call)))
    await page.getByRole('button', { name: 'Choose files or objects' }).click()
    const tree = page.getByRole('tree', { name: 'What is in this recovery point' })
    await shows(page, tree.getByText('index <i>.html'))
    assert.equal(await tree.getByText('one.jpg').count(), 0, 'nothing is read before it is opened')
    await tree.getByRole('button', { name: 'Open albums/', exact: true }).click()
    await tree.getByRole('button', { name: 'Open albums/2026/' }).click()
    await tree.getByRole('button', { name: 'Choose albums/2026/two.jpg' }).click()
    assert.equal(await page.getByLabel(/^Only these/).inputValue(), 'albums/2026/two.jpg')
    await restoresInto('Name of the bucket', 'console-tree-back')
    assert.deepEqual(await contentOf(client, 'console-tree-back'), { 'albums/2026/two.jpg': '22' })
    client.destroy()

    await goTo(page, await backedUp(await registerOrders(orders as Orders, server.call)))
    await page.getByRole('button', { name: /^Choose (?:files|tables)/ }).click()
    await tree.getByRole('button', { name: 'Open public.' }).click()
    await tree.getByRole('button', { name: 'Choose public.orders' }).click()
    assert.equal(await tree.getByRole('button', { name: 'Choose public.', exact: true }).count(), 0)
    assert.equal(await page.getByLabel(/^Only these/).inputValue(), 'public.orders')
    await restoresInto('Name of the database', 'orders_back')
    const source = orders as Orders
    assert.equal(await source.content('orders_back'), await source.content('orders'))
  },
)

/** A new one of this name, which its form asks for before it can go. */
async function restoresInto(field: string, name: string): Promise<void> {
  const restore = page.getByRole('button', { name: 'Restore', exact: true })
  assert.equal(await restore.isEnabled(), false)
  await page.getByLabel(field).fill(name)
  await shows(page, page.getByText(/Everything it will need is allowed/))
  await restore.click()
  await page.getByRole('heading', { level: 1, name: /^Restore / }).waitFor()
  await shows(page, page.getByText('Completed', { exact: true }))
}

/** No restore runs any more. */
async function ended(): Promise<void> {
  await becomes(async () => {
    const { RestoreJobs = [] } = await server.call('backup', 'ListRestoreJobs', {})
    return RestoreJobs.length > 0 && RestoreJobs.every(({ CompletionDate }) => CompletionDate !== undefined)
  }, true)
}

/** A user who may restore whatever the vault holds, and beside that what is given. */
async function operator(name: string, more: readonly object[]): Promise<Page> {
  const { call } = server
  await call('iam', 'CreateUser', { UserName: name })
  await call('iam', 'PutUserPolicy', {
    UserName: name,
    PolicyName: 'operate',
    PolicyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        {
          Sid: 'Operate',
          Effect: 'Allow',
          Action: ['backup:*', 'roleback:PreflightJobs', 'iam:PassRole', 'iam:Get*', 'iam:List*'],
          Resource: '*',
        },
        ...more,
      ],
    }),
  })
  const { AccessKey } = await call('iam', 'CreateAccessKey', { UserName: name })
  const own = await browser.newPage()
  await signInWithKey(own, server.url, {
    accessKeyId: AccessKey.AccessKeyId,
    secretAccessKey: AccessKey.SecretAccessKey,
  })
  await goTo(own, path)
  return own
}

test(
  'whoever cannot read the source is told what a restore would give him, and what the role may that he may not',
  { skip: missing },
  async () => {
    const blind = await operator('blind', [
      { Effect: 'Allow', Action: 'iam:SimulatePrincipalPolicy', Resource: '*' },
    ])
    await shows(
      blind,
      blind.getByText('You cannot read the source: this restore would give you what it holds'),
    )
    await shows(blind, blind.getByText('The restore guard refuses it.'))
    await blind.getByRole('button', { name: 'Choose files or objects' }).click()
    await shows(blind, blind.getByText('You may not look into this recovery point'))
    await blind.getByText('Reading', { exact: true }).waitFor({ state: 'detached' })
    await shows(blind, blind.getByText(/elasticfilesystem:ClientMount/).first())
    await blind.getByRole('button', { name: 'What the role may and you may not' }).click()
    const more = blind.getByRole('table', { name: 'What the role may and you may not' })
    await shows(blind, more.getByRole('row', { name: /elasticfilesystem:.*no statement allows it/ }))
    await blind.close()

    const seeing = await operator('seeing', [
      { Sid: 'Mount', Effect: 'Allow', Action: 'elasticfilesystem:ClientMount', Resource: '*' },
    ])
    await shows(seeing, seeing.getByText('You can read the source yourself'))
    await shows(seeing, seeing.getByText(/policy operate allows it \(operate, Mount\)/).first())
    await seeing.close()

    const trusted = await operator('trusted', [
      { Sid: 'Handed', Effect: 'Allow', Action: 'roleback:RestoreUnreadable', Resource: '*' },
    ])
    await shows(
      trusted,
      trusted.getByText('You cannot read the source, and are allowed to be given what it holds'),
    )
    await trusted.close()
  },
)

test(
  'how a database is reached is tested, changed with its secret and forgotten, and the screen says what stays',
  { skip: sourcesMissing },
  async () => {
    const { call } = server
    const { Resources } = await call('roleback', 'ListResources', { ResourceType: 'RDS' })
    const { ResourceArn } = Resources.find(({ Name }) => Name === 'orders') ?? assert.fail()
    const looks = await operator('looks', [
      { Effect: 'Allow', Action: 'roleback:DescribeResource', Resource: '*' },
    ])
    const screen = `/resources/${encodeURIComponent(ResourceArn)}`
    await goTo(looks, screen)
    await looks.getByRole('button', { name: 'Test connection' }).click()
    await shows(looks, looks.getByText('You may not reach this resource'))
    await shows(looks, looks.getByRole('button', { name: 'Explain' }))
    await looks.close()

    const TlsCaPem = '-----BEGIN CERTIFICATE-----'
    await call('roleback', 'UpdateResource', {
      ResourceArn,
      Connection: { TlsCaPem },
      Secret: (orders as Orders).password,
    })
    await goTo(page, screen)
    await page.getByRole('button', { name: 'Test connection' }).click()
    await shows(page, page.getByText('orders was reached.'))
    await page.getByRole('button', { name: 'Edit', exact: true }).click()
    const dialog = page.getByRole('dialog')
    const save = dialog.getByRole('button', { name: 'Test and save' })
    assert.equal(await save.isEnabled(), false, 'nothing was changed')
    assert.equal(await dialog.getByLabel('Password', { exact: true }).inputValue(), '')
    await dialog.getByLabel('Host').fill('127.0.0.2')
    await save.click()
    await shows(page, dialog.getByText(/Changing host of .* needs the secret again/))
    await dialog.getByLabel('Host').fill((orders as Orders).connection.Host)
    await dialog.getByLabel('Password', { exact: true }).fill('hidden-word')
    await dialog.getByRole('button', { name: /^The same / }).click()
    const command = dialog.locator('pre.command')
    assert.match(await command.innerText(), /resource update arn:\S+ \\\s+--secret-file FILE$/)
    const superuser = dialog.getByRole('checkbox', { name: 'Accept a superuser as user' })
    assert.equal(await superuser.isChecked(), false)
    await superuser.check()
    await choose(
      dialog.getByRole('button', { name: /^Connection security/ }),
      page.getByRole('option', { name: 'Encrypted, certificate verified' }),
    )
    await dialog.getByLabel('Certificate authority (optional)').fill(`${TlsCaPem} another`)
    const options = '--tls-mode verify-full --tls-ca-file FILE --allow-superuser --secret-file FILE'
    assert.equal(
      (await command.innerText()).replaceAll(' \\\n ', '').split(ResourceArn).at(-1)?.trim(),
      options,
    )
    await dialog.getByLabel('Certificate authority (optional)').fill(TlsCaPem)
    await choose(
      dialog.getByRole('button', { name: /^Connection security/ }),
      page.getByRole('option', { name: 'Not encrypted' }),
    )
    await superuser.uncheck()
    await save.click()
    await shows(page, dialog.getByText(/password authentication failed/))
    await dialog.getByLabel('Its password (optional)').fill('another')
    await dialog.getByLabel('Password', { exact: true }).fill('')
    await save.click()
    await shows(page, dialog.getByText(/Cannot change RestoreSecret .* alone/))
    await dialog.getByLabel('Its password (optional)').fill('')
    await dialog.getByLabel('Password', { exact: true }).fill((orders as Orders).password)
    await superuser.check()
    await save.click()
    // That it was changed stands behind this.
    await shows(page, page.getByText(/^Superuser connections are allowed/))
    const { Resource } = await call('roleback', 'DescribeResource', { ResourceArn })
    assert.equal(Resource.Connection?.AllowSuperuser, true)
    await shows(page, page.getByText('Superuser', { exact: true }))
    await shows(page, page.getByText('Certificate authority', { exact: true }))

    await page.getByRole('button', { name: 'Edit', exact: true }).click()
    await choose(
      dialog.getByRole('button', { name: /^Connection security/ }),
      page.getByRole('option', { name: 'Encrypted, certificate verified' }),
    )
    await dialog.getByLabel('Certificate authority (optional)').fill('')
    await choose(
      dialog.getByRole('button', { name: /^Connection security/ }),
      page.getByRole('option', { name: 'Not encrypted' }),
    )
    await dialog.getByLabel('Password', { exact: true }).fill((orders as Orders).password)
    await dialog.getByRole('button', { name: /^The same / }).click()
    assert.match(await command.innerText(), /--no-tls-ca-file \\\s+--secret-file FILE$/)
    await save.click()
    await page.getByText('Certificate authority', { exact: true }).waitFor({ state: 'detached' })
    const now = await call('roleback', 'DescribeResource', { ResourceArn })
    assert.equal(now.Resource.Connection?.TlsCaPem, undefined)

    await page.getByRole('button', { name: 'Remove', exact: true }).click()
    await shows(page, dialog.getByText('No backup plan backs it up.'))
    await dialog.getByLabel('Type remove').fill('remove')
    await dialog.getByRole('button', { name: 'Remove resource' }).click()
    await shows(page, page.getByText('orders was removed; its recovery points stay.'))
    await page.getByRole('heading', { level: 1, name: 'Resources' }).waitFor()
    await shows(page, page.getByRole('link', { name: 'office' }))
    assert.equal(await page.getByRole('link', { name: 'orders', exact: true }).count(), 0)
    await goTo(page, screen)
    await shows(page, page.getByText('Registered no more'))
    await shows(page, page.getByRole('row', { name: /Available|Completed/ }))
  },
)
