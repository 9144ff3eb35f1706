import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { tagsOf } from './identity/tags.ts'
import { openStore } from './store.ts'

const ROUNDS = 20
const dir = mkdtempSync(join(tmpdir(), 'roleback-durability-'))
after(() => rmSync(dir, { recursive: true, force: true }))

/** Writes rows, singly and in transactions of two, and prints each number once it is acknowledged. */
const WRITER = `
  import { openStore } from ${JSON.stringify(new URL('./store.ts', import.meta.url).href)}
  import { putTags } from ${JSON.stringify(new URL('./identity/tags.ts', import.meta.url).href)}
  import { writeSync } from 'node:fs'
  const [file, round] = process.argv.slice(1)
  const store = await openStore({ kind: 'sqlite', file })
  for (let i = 0; ; i++) {
    if (i % 2 === 0) await putTags(store.db, 'a', round, { [i]: 'single' })
    else await store.transaction(async (tx) => {
      await putTags(tx, 'a', round, { [i]: 'pair' })
      await putTags(tx, 'a', round, { [i + '+']: 'pair' })
    })
    writeSync(1, i + '\\n')
  }
`

test('every row acknowledged before kill -9 is there afterwards, and no transaction is there by half', async () => {
  const file = join(dir, 'store.db')
  for (let round = 0; round < ROUNDS; round++) {
    const writer = spawn(process.execPath, ['--input-type=module', '-e', WRITER, file, `round-${round}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(writer, 'exit')
    let output = ''
    for await (const text of writer.stdout.setEncoding('utf8') as AsyncIterable<string>) {
      output += text
      // Another moment each round, always in the middle of writing.
      if (!writer.killed && output.length > 5 + round * 3) writer.kill('SIGKILL')
    }
    assert.deepEqual(await ended, [null, 'SIGKILL'])
    const acknowledged = output.split('\n').slice(0, -1)
    assert.ok(acknowledged.length > 1)

    const store = await openStore({ kind: 'sqlite', file })
    const found = await tagsOf(store.db, 'a', `round-${round}`)
    await store.close()
    for (const number of acknowledged) assert.ok(number in found, `row ${number} of round ${round} is lost`)
    for (const [number, value] of Object.entries(found)) {
      if (value === 'pair')
        assert.ok(number.endsWith('+') || `${number}+` in found, `half of ${number} is there`)
    }
  }
})
