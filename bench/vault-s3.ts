import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { s3ClientOf } from '../test/fixtures/bucket.ts'
import { rgwMissing, startRgw } from '../test/servers/ceph-rgw.ts'
import type { RgwServer } from '../test/servers/ceph-rgw.ts'
import { LAUNCHER_ENV, LAUNCHER_FLAGS, machine, measure, runQuietly, say, settle } from './measure.ts'
import type { Figure } from './measure.ts'
import { fetchRestic } from './peers.ts'
import type { Peer } from './peers.ts'
import { changeCorpus, makeCorpus } from './vault-corpus.ts'

/** Backups into a bucket of a Ceph RADOS gateway on this machine, against restic's s3 backend on the same, in turn. */
const CORPUS_BYTES = 2 ** 28
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 2)
const STEPS = ['first', 'unchanged', 'changed', 'restore'] as const
type Step = (typeof STEPS)[number]

interface Tool {
  readonly name: string
  init(): Promise<void>
  backup(source: string, point: number): Promise<Figure>
  restore(target: string): Promise<Figure>
}

export async function run(): Promise<void> {
  const missing = rgwMissing()
  if (missing !== undefined) return say(missing)
  const scratch = mkdtempSync(join(tmpdir(), 'roleback-bench-s3-'))
  const memory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : scratch, 'roleback-bench-s3-'))
  const rgw = await startRgw({ dir: join(scratch, 'rgw'), memoryBytes: 6 * 2 ** 30 })
  try {
    const restic = fetchRestic(scratch, 'trixie')
    if (restic === undefined) return say('restic of Debian trixie cannot be had here')
    const client = s3ClientOf(rgw)
    await client.send(new CreateBucketCommand({ Bucket: 'bench' }))
    client.destroy()
    const corpus = await makeCorpus('mixed', join(scratch, 'corpus'), CORPUS_BYTES)
    say(`vault-s3: ${corpus.files} files, ${Math.round(corpus.bytes / 2 ** 20)} MiB, ${machine()}`)
    const ratios = new Map<Step, number[]>(STEPS.map((step) => [step, []]))
    for (let round = 0; round < ROUNDS; round++) {
      const source = join(scratch, 'source')
      await runQuietly({ program: 'cp', args: ['-a', '--reflink=auto', corpus.path, source] })
      const tools = [roleback(rgw, scratch, round), resticOn(restic, rgw, scratch, round)]
      for (const tool of tools) await tool.init()
      for (const [at, step] of STEPS.entries()) {
        if (step === 'changed') changeCorpus({ ...corpus, path: source })
        const figures: Record<string, Figure> = {}
        for (const tool of round % 2 === 0 ? tools : tools.toReversed()) {
          const target = join(memory, 'restored')
          mkdirSync(target, { recursive: true })
          await settle()
          figures[tool.name] = await (step === 'restore' ? tool.restore(target) : tool.backup(source, at))
          rmSync(target, { recursive: true, force: true })
        }
        const [ours, theirs] = tools.map(({ name }) => figures[name] as Figure) as [Figure, Figure]
        ratios.get(step)?.push(theirs.seconds / ours.seconds)
        say(
          `round ${round + 1} ${step}: ${describe('roleback', ours)}, ${describe('restic', theirs)}, ${machine()}`,
        )
      }
      rmSync(source, { recursive: true })
    }
    for (const [step, all] of ratios) say(`vault-s3 ${step}: ${median(all).toFixed(2)} times restic's speed`)
  } finally {
    await rgw.stop()
    rmSync(scratch, { recursive: true, force: true })
    rmSync(memory, { recursive: true, force: true })
  }
}

const describe = (name: string, { seconds, cpuSeconds, pssMib }: Figure): string =>
  `${name} ${seconds.toFixed(2)} s (${cpuSeconds.toFixed(1)} s CPU, ${pssMib} MiB)`

function median(all: readonly number[]): number {
  const sorted = all.toSorted((a, b) => a - b)
  return ((sorted[(sorted.length - 1) >> 1] as number) + (sorted[sorted.length >> 1] as number)) / 2
}

function roleback(rgw: RgwServer, scratch: string, round: number): Tool {
  const script = join(import.meta.dirname, 'vault-job.ts')
  const settings = join(scratch, `storage-${round}.json`)
  const { endpoint, region, accessKeyId, secretAccessKey } = rgw
  const bucket = { bucket: 'bench', prefix: `roleback-${round}/`, forcePathStyle: true }
  writeFileSync(settings, JSON.stringify({ endpoint, region, accessKeyId, secretAccessKey, ...bucket }))
  const job = (...args: readonly string[]): Promise<Figure> =>
    measure({
      program: process.execPath,
      args: [...LAUNCHER_FLAGS, script, args[0] as string, settings, ...args.slice(1)],
      env: { ...LAUNCHER_ENV, NODE_COMPILE_CACHE: join(import.meta.dirname, '..', '.cache', 'node') },
      isWarm: true,
    })
  return {
    name: 'roleback',
    init: () => Promise.resolve(),
    backup: (source, point) => job('backup', source, `p${point}`, ...(point === 0 ? [] : [`p${point - 1}`])),
    restore: (target) => job('restore', target, 'p2'),
  }
}

function resticOn({ program }: Peer, rgw: RgwServer, scratch: string, round: number): Tool {
  const env = {
    RESTIC_PASSWORD: 'bench',
    AWS_ACCESS_KEY_ID: rgw.accessKeyId,
    AWS_SECRET_ACCESS_KEY: rgw.secretAccessKey,
  }
  const place = [
    '-r',
    `s3:${rgw.endpoint}/bench/restic-${round}`,
    '--cache-dir',
    join(scratch, `cache-${round}`),
  ]
  const args = (...more: readonly string[]): string[] => ['-q', ...place, ...more]
  return {
    name: 'restic',
    init: async () => await runQuietly({ program, args: args('init'), env }),
    backup: (source) => measure({ program, args: args('backup', source), env }),
    restore: (target) => measure({ program, args: args('restore', 'latest', '--target', target), env }),
  }
}
