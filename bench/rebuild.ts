import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MemoryBlobStore } from '../src/blobs/memory.ts'
import { rebuildVault } from '../src/jobs/rebuild/rebuild.ts'
import type { Rebuilt } from '../src/jobs/rebuild/rebuild.ts'
import { insertAccount } from '../src/store/identity/accounts.ts'
import { openStore } from '../src/store/store.ts'
import { writeHead } from '../src/vault/points/heads.ts'
import { createVault } from '../src/vault/vault.ts'
import { machine } from './measure.ts'

/** How long a vault of many recovery points takes to rebuild: reading and opening every head, and writing SQLite's rows. */

const POINTS = Number(process.env['BENCH_POINTS'] ?? 1_000_000)
const ACCOUNT = '123456789012'
const REGION = 'us-east-1'
const MINUTE = 60_000
const TARGET_S = 600

export async function run(): Promise<void> {
  const store = new MemoryBlobStore()
  const vault = await createVault(store, {
    vaultId: 'bench',
    key: Buffer.alloc(32, 7),
    wrappings: {},
    files: {},
  })
  const writing = performance.now()
  for (let at = 0; at < POINTS; at++) await writeHead(store, vault.keys, headOf(at))
  const wrote = (performance.now() - writing) / 1000
  const folder = mkdtempSync(join(tmpdir(), 'roleback-bench-'))
  try {
    const file = join(folder, 'roleback.db')
    const db = await openStore({ kind: 'sqlite', file })
    const rebuilt: Rebuilt = {
      vaults: 0,
      points: 0,
      holds: 0,
      problems: [],
      problemCount: 0,
      identityNumber: 0,
      ownKeyOnly: [],
      underKeys: [],
    }
    const start = performance.now()
    const cpu = process.cpuUsage()
    await db.transaction(async (tx) => {
      await insertAccount(tx, { account_id: ACCOUNT, name: 'bench', created_at: 0, root_last_used_at: null })
      const found = { place: 'memory', storage: '{"kind":"directory","path":"bench"}', store }
      const taken = { found, vault, sealed: 'sealed', encryptionKey: undefined, generation: 1 }
      const place = { account_id: ACCOUNT, region: REGION, name: 'bench' }
      await rebuildVault(tx, taken, place, { now: Date.now(), rebuilt })
    })
    const seconds = (performance.now() - start) / 1000
    const { user, system } = process.cpuUsage(cpu)
    await db.close()
    if (rebuilt.points !== POINTS || rebuilt.problemCount > 0)
      throw new Error(
        `Cannot measure a rebuild: ${rebuilt.points} of ${POINTS} points came back: ${rebuilt.problems[0]}`,
      )
    const mib = Math.round(process.memoryUsage.rss() / 1024 ** 2)
    process.stdout.write(
      `rebuild  ${POINTS} recovery points in ${seconds.toFixed(1)} s (target ${TARGET_S} s a million), CPU ${((user + system) / 1e6).toFixed(1)} s, ` +
        `${Math.round(POINTS / seconds)}/s; heads written in ${wrote.toFixed(1)} s; database ${Math.round(statSync(file).size / 1024 ** 2)} MiB; ` +
        `memory ${mib} MiB with the vault in it; ${machine()}\n`,
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function headOf(at: number): Parameters<typeof writeHead>[2] {
  const pointId = `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`
  const createdAt = 1_700_000_000_000 + at * MINUTE
  const resourceArn = `arn:aws:elasticfilesystem:${REGION}:${ACCOUNT}:file-system/fs-${at % 1000}`
  return {
    pointId,
    jobId: pointId,
    fence: 1,
    manifest: { root: Buffer.alloc(32, at & 255), height: 0, items: 12, contentBytes: 34_567 },
    record: {
      accountId: ACCOUNT,
      region: REGION,
      recoveryPointArn: `arn:aws:backup:${REGION}:${ACCOUNT}:recovery-point:${pointId}`,
      resourceArn,
      resourceUniqueId: `unique-${at % 1000}`,
      resourceType: 'EFS',
      resourceName: `letters-${at % 1000}`,
      roleArn: `arn:aws:iam::${ACCOUNT}:role/service-role/AWSBackupDefaultServiceRole`,
      roleId: 'AROAEXAMPLEEXAMPLE123',
      createdAt,
      completedAt: createdAt + 1000,
      status: 'COMPLETED',
      backupVaultName: 'bench',
      deleteAfterDays: 36_500,
      restoreMetadata: { 'file-system-id': `fs-${at % 1000}`, newFileSystem: 'true' },
      tags: { Name: `letters-${at % 1000}`, stage: 'production', 'aws:backup:source-resource': resourceArn },
      legalHolds: [],
    },
  }
}
