import type { JobKind } from '../store/schema.ts'
import { runBackup } from './backup.ts'
import { runDeletePoint } from './delete-point.ts'
import { runExport } from './export.ts'
import { runRestore } from './restore.ts'
import { runSweep } from './sweep.ts'
import { runTestConnection } from './test-connection.ts'
import type { JobRunner } from './tools.ts'
import { runCreateVault, runDeleteVault } from './vault-jobs.ts'
import { runVerify } from './verify.ts'

/** What each kind of job does. */
export const runners: Readonly<Record<JobKind, JobRunner>> = {
  backup: runBackup,
  restore: runRestore,
  'create-vault': runCreateVault,
  'delete-vault': runDeleteVault,
  'delete-point': runDeletePoint,
  sweep: runSweep,
  verify: runVerify,
  export: runExport,
  'test-connection': runTestConnection,
}
