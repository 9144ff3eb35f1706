import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { outsideDirectory } from './export-target.ts'

describe('outsideDirectory()', () => {
  let home: string
  const at = (name: string): string => join(home, name)
  before(() => {
    home = realpathSync(mkdtempSync(join(tmpdir(), 'roleback-export-')))
    for (const name of ['data/vaults', 'allowed/inner', 'allowed-not', 'elsewhere', 'far']) {
      mkdirSync(at(name), { recursive: true })
    }
    symlinkSync(at('elsewhere'), at('allowed/out'))
    symlinkSync(at('allowed'), at('in'))
    symlinkSync(at('data'), at('elsewhere/data'))
  })
  after(() => rmSync(home, { recursive: true }))

  const place = (name: string, allowedRoots?: readonly string[]): Promise<string> =>
    outsideDirectory({
      path: at(name),
      jobNoun: 'Export job',
      dataDir: at('data'),
      vaultRoots: [at('far')],
      allowedRoots: allowedRoots?.map(at),
    })

  it('answers where the export really goes', async () => {
    assert.equal(await place('elsewhere/new'), at('elsewhere/new'))
    assert.equal(await place('in/new'), at('allowed/new'))
    assert.equal(await place('allowed/out'), at('elsewhere'))
  })

  for (const name of [
    'data',
    'data/new',
    'data/vaults',
    'elsewhere/data',
    'elsewhere/data/new',
    'far/new',
    '.',
  ]) {
    it(`R17 refuses "${name}", which overlaps the server’s own places, to everybody`, async () => {
      await assert.rejects(place(name), /overlaps the server's own data directory/)
      await assert.rejects(place(name, ['.']), /overlaps the server's own data directory/)
    })
  }

  for (const name of ['allowed/new', 'allowed/inner', 'allowed', 'in/new']) {
    it(`R17 takes "${name}" below an allowed root`, async () => {
      assert.match(await place(name, ['missing', 'allowed']), /\/allowed/)
    })
  }

  for (const name of ['elsewhere/new', 'allowed-not', 'allowed/out', 'allowed/out/new']) {
    it(`R17 refuses "${name}", which lies under no allowed root`, async () => {
      await assert.rejects(place(name, ['allowed']), /under none of the server's allowed roots/)
      await assert.rejects(place(name, []), /under none of the server's allowed roots/)
    })
  }

  it('refuses a place whose parent is not there', async () => {
    await assert.rejects(place('missing/new'), /cannot be used \(ENOENT\)\. Make it first/)
  })
})
