import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SERVICE_NAMES, modelOf } from '../aws/model.ts'
import { backup } from '../backup/operations.ts'
import { iam } from '../iam/operations.ts'
import { iamToolbox } from '../iam/toolbox.ts'
import { roleback } from '../roleback/operations.ts'
import { sts } from '../sts/operations.ts'
import { tagging } from '../tagging/operations.ts'
import { checkTables } from './server.ts'
import type { ServiceTables } from './perform.ts'

const tables = { backup, iam, 'iam-toolbox': iamToolbox, sts, tagging, roleback } as ServiceTables

test('checkTables() finds every operation of every model mapped to a resource', () => {
  checkTables(tables, SERVICE_NAMES.map(modelOf))
})

test('checkTables() refuses to start when one operation has no mapping', () => {
  const { StartBackupJob: _, ...rest } = backup
  const broken = { ...tables, backup: rest } as unknown as ServiceTables
  assert.throws(() => checkTables(broken, SERVICE_NAMES.map(modelOf)), /backup:StartBackupJob/)
})
