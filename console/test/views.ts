import { mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import type { ServerProcess } from '../../test/fixtures/server-process.ts'
import { ACCOUNT, backupEnded } from './filled.ts'
import type { Filled } from './filled.ts'

/** What screens look like once somebody has done something on them, for pictures: forms under way, refusals, jobs that run. */
export interface View {
  readonly name: string
  readonly path: string
  readonly act: (page: Page) => Promise<void>
}

const HUGE_BYTES = 2 ** 38

export function viewsOf(filled: Filled): readonly View[] {
  const point = encodeURIComponent(filled.pointArn)
  return [
    ...([2, 3, 4] as const).map((step) => ({
      name: `plan-create-${step}`,
      path: '/plans/create',
      act: async (page: Page) => {
        await page.getByLabel('Backup plan name').fill('nightly')
        for (let at = 1; at < step; at++) await page.getByRole('button', { name: 'Next' }).click()
      },
    })),
    {
      name: 'plan-create-slips',
      path: '/plans/create',
      act: async (page) => {
        await page.getByLabel('Backup plan name').fill('every night')
        await page.getByLabel('Backup plan name').press('Tab')
      },
    },
    {
      name: 'vault-create-slip',
      path: '/vaults',
      act: async (page) => {
        await page.getByRole('button', { name: 'Create backup vault' }).first().click()
        await page.getByRole('dialog').getByLabel('Name').fill('my vault')
        await page.getByRole('dialog').getByLabel('Name').press('Tab')
      },
    },
    {
      name: 'vault-lock-slips',
      path: '/vaults/offsite?tab=lock',
      act: async (page) => {
        await page.getByRole('radio', { name: /^Compliance/ }).check()
        await page.getByLabel('Keep at least (days)').fill('30')
        await page.getByLabel('Keep at most (days)').fill('7')
        await page.getByLabel('Grace time (days)').fill('1')
        await page.getByRole('button', { name: 'Lock vault' }).click()
      },
    },
    {
      name: 'switch-role',
      path: '/vaults',
      act: async (page) => {
        await page.getByRole('button', { name: 'root', exact: true }).click()
        await page.getByRole('menuitem', { name: 'Switch role' }).click()
        await page.getByRole('dialog').getByLabel('Role').fill('rds-backup')
      },
    },
    {
      name: 'restore-items',
      path: `/restore/production/${point}`,
      act: async (page) => {
        await page.getByRole('button', { name: 'Choose files or objects' }).click()
        await page.getByRole('tree').getByText('file-0.dat').waitFor()
      },
    },
    {
      name: 'vault-policy-lint',
      path: '/vaults/production?tab=policy',
      act: async (page) => {
        await page.getByLabel('Policy document (JSON)').fill(POLICY_WITH_SLIPS)
        await page
          .getByText(/DeleteRecoveryPointz/)
          .nth(1)
          .waitFor()
      },
    },
  ]
}

const POLICY_WITH_SLIPS = JSON.stringify(
  {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'KeepAll',
        Effect: 'Deny',
        Principal: '*',
        Action: ['backup:DeleteRecoveryPointz', 'backup:PutBackupVaultAccessPolicy'],
        Resource: '*',
      },
    ],
  },
  undefined,
  2,
)

/** What somebody sees who may do less. */
export const REFUSED: readonly (readonly [name: string, path: string])[] = [
  ['overview-refused', '/'],
  ['access-refused', '/access'],
  ['audit-refused', '/audit'],
  ['settings-refused', '/settings?tab=storage'],
]

/** Of a server on which nothing was done yet. */
export const EMPTY: readonly (readonly [name: string, path: string])[] = [
  ['first-steps', '/'],
  ['resources-empty', '/resources'],
  ['plans-empty', '/plans'],
  ['jobs-empty', '/jobs'],
  ['vaults-empty', '/vaults'],
  ['legal-holds-empty', '/legal-holds'],
  ['frameworks-empty', '/frameworks'],
  ['reports-empty', '/reports'],
  ['restore-testing-empty', '/restore-testing'],
  ['search-empty', '/search'],
]

/** Somebody who may list jobs, and nothing else. */
export async function makeWatcher({
  call,
}: ServerProcess): Promise<{ readonly accessKeyId: string; readonly secretAccessKey: string }> {
  const UserName = 'watcher'
  await call('iam', 'CreateUser', { UserName })
  await call('iam', 'PutUserPolicy', {
    UserName,
    PolicyName: 'jobs',
    PolicyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: 'backup:ListBackupJobs', Resource: '*' }],
    }),
  })
  const { AccessKey } = await call('iam', 'CreateAccessKey', { UserName })
  return { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey }
}

/** A backup that goes on until it is stopped. @returns Its id. */
export async function startLongJob({ call }: ServerProcess, folder: string, vault: string): Promise<string> {
  const path = join(folder, 'huge')
  mkdirSync(path)
  writeFileSync(join(path, 'disk.img'), '')
  truncateSync(join(path, 'disk.img'), HUGE_BYTES)
  return await backUp(call, path, vault)
}

async function backUp(call: ServerProcess['call'], path: string, vault: string): Promise<string> {
  const { ResourceArn } = await call('roleback', 'RegisterResource', {
    ResourceType: 'EFS',
    Name: path.split('/').at(-1) ?? '',
    Connection: { Path: path },
  })
  const { BackupJobId = '' } = await call('backup', 'StartBackupJob', {
    BackupVaultName: vault,
    ResourceArn,
    IamRoleArn: `arn:aws:iam::${ACCOUNT}:role/service-role/AWSBackupDefaultServiceRole`,
  })
  return BackupJobId
}

/** As far as the first steps lead before the restore; then a backup that runs. */
export async function makeFirstBackup(server: ServerProcess, folder: string): Promise<void> {
  const path = join(folder, 'letters')
  mkdirSync(path)
  writeFileSync(join(path, 'one.txt'), 'dear world\n')
  await server.call('backup', 'CreateBackupVault', { BackupVaultName: 'safe' })
  await server.call('roleback', 'CreateDefaultServiceRole', {})
  await backupEnded(server, await backUp(server.call, path, 'safe'))
}
