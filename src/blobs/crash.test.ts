import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { DiskBlobStore } from './disk.ts'

const BYTES = 'whole or not at all'

/** Runs `code` in a process of its own, with `store` at `path`, which ends itself at the crash point. */
function crashAt(point: string, path: string, code: string): void {
  const script = `
    import { DiskBlobStore } from ${JSON.stringify(join(import.meta.dirname, 'disk.ts'))}
    const store = new DiskBlobStore(${JSON.stringify(path)})
    ${code}
    process.stdout.write('not crashed')
  `
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    env: { ROLEBACK_CRASH_AT: point },
    encoding: 'utf8',
  })
  assert.equal(child.signal, 'SIGKILL', `${point}: ${child.stdout}${child.stderr}`)
}

const WAYS = {
  put: `await store.put('index/a', Buffer.from('${BYTES}'))`,
  append: `
    const appender = store.append('job-1')
    appender.append(Buffer.from('${BYTES}'))
    await appender.finish('index/a')
  `,
}

for (const [way, code] of Object.entries(WAYS)) {
  for (const point of ['blob.synced', 'blob.named']) {
    test(`a process killed at ${point} of ${way} leaves a whole blob or none, and the name usable`, async () => {
      const path = mkdtempSync(join(tmpdir(), 'roleback-crash-'))
      try {
        crashAt(point, path, code)
        const store = new DiskBlobStore(path)
        const found = await store.stat('index/a')
        if (point === 'blob.synced') assert.equal(found, undefined)
        else assert.equal((await store.get('index/a')).toString(), BYTES)
        assert.equal(await store.removeUnfinished(() => true), found === undefined ? 1 : 0)
        if (found === undefined) await store.put('index/a', Buffer.from(BYTES))
        assert.equal((await store.get('index/a')).toString(), BYTES)
      } finally {
        rmSync(path, { recursive: true, force: true })
      }
    })
  }
}
