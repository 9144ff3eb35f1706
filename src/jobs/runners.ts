import type { JobKind } from '../store/schema.ts'
import { runAmendPoint } from './points/amend-point.ts'
import { runBackup } from './backup.ts'
import { runCheckRestore } from './check-restore.ts'
import { runCopy } from './copy.ts'
import { runDeletePoint } from './points/delete-point.ts'
import { runDeleteRestoreTest } from './restore-tests/delete-restore-test.ts'
import { runMovePoint } from './points/move-point.ts'
import { runExport } from './exports/export.ts'
import { runImport } from './imports/import.ts'
import { runRepair } from './upkeep/repair.ts'
import { runReport } from './report.ts'
import { runRestore } from './restore.ts'
import { runSearch } from './search.ts'
import { runSealVault } from './upkeep/seal-vault.ts'
import { runRotateKey } from './upkeep/rotate-key.ts'
import { runSweep } from './upkeep/sweep.ts'
import { runDiscover, runTestConnection } from './unregistered.ts'
import type { JobRunner } from './tools.ts'
import { runCreateVault, runDeleteVault } from './vaults/vault-jobs.ts'
import { runValidateRestoreTest } from './restore-tests/validate-restore-test.ts'
import { runVerify } from './upkeep/verify.ts'

/** What each kind of job does, in two lanes: what moves much data must not keep short work, somebody may wait for, from running. */

export const HEAVY: Readonly<Partial<Record<JobKind, JobRunner>>> = {
  backup: runBackup,
  restore: runRestore,
  copy: runCopy,
  'move-point': runMovePoint,
  sweep: runSweep,
  verify: runVerify,
  repair: runRepair,
  export: runExport,
  import: runImport,
  'validate-restore-test': runValidateRestoreTest,
  'delete-restore-test': runDeleteRestoreTest,
}

export const LIGHT: Readonly<Partial<Record<JobKind, JobRunner>>> = {
  'create-vault': runCreateVault,
  'delete-vault': runDeleteVault,
  'delete-point': runDeletePoint,
  'amend-point': runAmendPoint,
  'rotate-key': runRotateKey,
  'seal-vault': runSealVault,
  report: runReport,
  'test-connection': runTestConnection,
  'check-restore': runCheckRestore,
  discover: runDiscover,
  search: runSearch,
}
