import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import {
  AssociateBackupVaultMpaApprovalTeamCommand,
  CreateRestoreAccessBackupVaultCommand,
  DescribeScanJobCommand,
  DisassociateBackupVaultMpaApprovalTeamCommand,
  DisassociateRecoveryPointCommand,
  DisassociateRecoveryPointFromParentCommand,
  GetPITRMalwareScanResultsCommand,
  ListRestoreAccessBackupVaultsCommand,
  ListScanJobSummariesCommand,
  ListScanJobsCommand,
  RevokeRestoreAccessBackupVaultCommand,
  StartScanJobCommand,
} from '@aws-sdk/client-backup'
import { backUpWell, makeRole, makeVault, registerDirectory, until } from '../fixtures/world.ts'
import { sdkError, startTestServer } from '../server.ts'

/** What nobody can make here is told to be absent, through the SDK, and what would make it says why not. */

const server = await startTestServer()
after(() => server[Symbol.asyncDispose]())
const { world } = server
const { backup } = server.clients
let point: { readonly BackupVaultName: string; readonly RecoveryPointArn: string }
let role: string

before(async () => {
  await makeVault(world, 'vault')
  role = await makeRole(world, 'AWSBackup-files', { managed: ['AWSBackupServiceRolePolicyForBackup'] })
  const { arn } = await registerDirectory(world, 'docs', (path) => writeFileSync(join(path, 'a'), 'content'))
  const job = { BackupVaultName: 'vault', ResourceArn: arn, IamRoleArn: role }
  point = { BackupVaultName: 'vault', RecoveryPointArn: await backUpWell(world, job) }
})

test('a recovery point has neither a parent nor a service that it could be left to', async () => {
  await assert.rejects(
    backup.send(new DisassociateRecoveryPointCommand(point)),
    sdkError('InvalidRequestException', 400, 'it is not a continuous backup'),
  )
  await assert.rejects(
    backup.send(new DisassociateRecoveryPointFromParentCommand(point)),
    sdkError('InvalidRequestException', 400, 'not part of a composite'),
  )
  const gone = { ...point, RecoveryPointArn: `${point.RecoveryPointArn}0` }
  await assert.rejects(
    backup.send(new DisassociateRecoveryPointCommand(gone)),
    sdkError('ResourceNotFoundException', 400, gone.RecoveryPointArn),
  )
})

test('an air-gapped vault has no restore access vaults, and another vault cannot have any', async () => {
  const BackupVaultName = 'away'
  await world.call('backup', 'CreateLogicallyAirGappedBackupVault', {
    BackupVaultName,
    MinRetentionDays: 7,
    MaxRetentionDays: 30,
  })
  await until('the vault to be there', async () => {
    const { VaultState } = await world.call('backup', 'DescribeBackupVault', { BackupVaultName })
    return VaultState === 'AVAILABLE' ? true : undefined
  })
  const { RestoreAccessBackupVaults } = await backup.send(
    new ListRestoreAccessBackupVaultsCommand({ BackupVaultName }),
  )
  assert.deepEqual(RestoreAccessBackupVaults, [])
  await assert.rejects(
    backup.send(new ListRestoreAccessBackupVaultsCommand({ BackupVaultName: 'vault' })),
    sdkError('InvalidParameterValueException', 400, 'not logically air-gapped'),
  )
})

test('nobody approves in a team, and the vault of another is not opened by one', async () => {
  const BackupVaultName = 'vault'
  const vault = (name: string): string =>
    `arn:aws:backup:${world.region}:${world.accountId}:backup-vault:${name}`
  const MpaApprovalTeamArn = `arn:aws:mpa:${world.region}:${world.accountId}:approval-team/one`
  const refusals = [
    backup.send(new AssociateBackupVaultMpaApprovalTeamCommand({ BackupVaultName, MpaApprovalTeamArn })),
    backup.send(new DisassociateBackupVaultMpaApprovalTeamCommand({ BackupVaultName })),
    backup.send(new CreateRestoreAccessBackupVaultCommand({ SourceBackupVaultArn: vault('other') })),
    backup.send(
      new RevokeRestoreAccessBackupVaultCommand({
        BackupVaultName,
        RestoreAccessBackupVaultArn: vault('access'),
      }),
    ),
  ]
  const because = 'there are no approval teams (Multi-party approval is a service of AWS)'
  const refused = sdkError('InvalidRequestException', 400, because)
  await Promise.all(refusals.map((refusal) => assert.rejects(refusal, refused)))
})

test('there are no scans, and none can be started', async () => {
  assert.deepEqual((await backup.send(new ListScanJobsCommand({}))).ScanJobs, [])
  assert.deepEqual((await backup.send(new ListScanJobSummariesCommand({}))).ScanJobSummaries, [])
  await assert.rejects(
    backup.send(new DescribeScanJobCommand({ ScanJobId: 'one' })),
    sdkError('ResourceNotFoundException', 400, 'Cannot find scan job one'),
  )
  const scan = { MalwareScanner: 'GUARDDUTY', ScanMode: 'FULL_SCAN', ScannerRoleArn: role } as const
  await assert.rejects(
    backup.send(new StartScanJobCommand({ ...point, ...scan, IamRoleArn: role })),
    sdkError('InvalidRequestException', 400, 'there is no malware scanner'),
  )
  const pitr = { ...point, MalwareScanner: 'GUARDDUTY', ScanEndTime: new Date() } as const
  await assert.rejects(
    backup.send(new GetPITRMalwareScanResultsCommand(pitr)),
    // InvalidRequestException is none of its modelled errors.
    sdkError('InvalidParameterValueException', 400, 'there is no malware scanner'),
  )
})
