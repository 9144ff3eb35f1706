/**
 * A process that changes a vault in a directory until it is ended, or so many times, and says on its standard output what it begins
 * and what is done: `vault-process.ts DIRECTORY SEED GENERATION FIRST-NUMBER [STEPS]`. The first line is `ready`. With
 * NO_SWEEPS in its environment it is one of several that write at once, whose leases another process knows.
 */
import { writeSync } from 'node:fs'
import { DiskBlobStore } from '../../src/blobs/disk.ts'
import { backUp, Coordinator, VAULT_KEY } from '../../src/vault/points.fixture.ts'
import { openVault } from '../../src/vault/vault.ts'
import { drawFrom } from '../policy/generated-requests.ts'
import { filesOf, pointOf } from './numbered-points.ts'

const [directory = '', seed = '', generation = '', first = '', steps = 'Infinity'] = process.argv.slice(2)
const MAX_POINTS = 5

const say = (line: string): void => void writeSync(1, `${line}\n`)

async function acknowledged(what: string, action: () => Promise<unknown>): Promise<void> {
  say(`begun ${what}`)
  await action()
  say(`done ${what}`)
}

const draw = drawFrom(Number(seed))
const vault = await openVault(new DiskBlobStore(directory), VAULT_KEY)
const coordinator = new Coordinator()
coordinator.generation = Number(generation)
const there = (await vault.listPoints()).points.map(({ pointId }) => Number(pointId.slice(1)))
let next = Number(first)
say('ready')
for (let step = 0; step < Number(steps); step++) {
  const what = draw(10)
  if (there.length === 0 || (what < 5 && there.length < MAX_POINTS)) {
    const number = next++
    const parent = there.at(-1)
    await acknowledged(`backup ${number}`, async () => {
      const parentId = parent === undefined ? undefined : pointOf(parent)
      await backUp(vault, coordinator, pointOf(number), filesOf(number), parentId)
    })
    there.push(number)
  } else if (what < 8 || there.length >= MAX_POINTS) {
    const [number] = there.splice(draw(there.length), 1) as [number]
    await acknowledged(`delete ${number}`, () => vault.deletePoint(pointOf(number), 'test'))
  } else if (process.env['NO_SWEEPS'] === undefined)
    await acknowledged('sweep', () => coordinator.sweep(vault))
}
