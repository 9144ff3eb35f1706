import assert from 'node:assert/strict'
import { lstatSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  decodeMeta,
  displayKey,
  encodeMeta,
  fixedPart,
  isUntouched,
  reusedMeta,
  splitKey,
} from './directory-meta.ts'
import * as layout from './directory-meta.ts'

const stat = lstatSync('/', { bigint: true })
const latin1 = fc.uint8Array({ maxLength: 300 }).map(layout.latin1Of)

test('decodeMeta() gives back what encodeMeta() took', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.nat(0xffff_ffff),
      latin1,
      fc.array(fc.record({ name: latin1, value: fc.uint8Array({ maxLength: 500 }) }), { maxLength: 5 }),
      (mtimeNs, uid, target, xattrs) => {
        const fixed = fixedPart({ ...stat, mtimeNs, uid: BigInt(uid), nlink: 7n }, layout.HAS_HOLES)
        const meta = decodeMeta(encodeMeta(fixed, target, xattrs))
        assert.equal(meta.mtimeNs, mtimeNs)
        assert.equal(meta.uid, uid)
        assert.equal(meta.target, target)
        assert.deepEqual([meta.flags, meta.links, meta.inode], [layout.HAS_HOLES, 7, stat.ino])
        assert.deepEqual(
          meta.xattrs.map(({ name, value }) => [name, [...value]]),
          xattrs.map(({ name, value }) => [name, [...value]]),
        )
      },
    ),
  )
})

test('decodeMeta() refuses every cut and any rubbish with a RangeError', () => {
  const whole = encodeMeta(fixedPart(stat, 0), 'target', [{ name: 'user.x', value: Buffer.from('value') }])
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => decodeMeta(whole.subarray(0, length)), RangeError)
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        decodeMeta(Buffer.concat([Buffer.from([1]), bytes]))
      } catch (error) {
        assert.ok(error instanceof RangeError)
      }
    }),
  )
})

test('splitKey() takes what a walk makes and refuses the rest', () => {
  assert.deepEqual(splitKey('/', true), { folder: '', name: '' })
  assert.deepEqual(splitKey('/a/b/', true), { folder: '/a/', name: 'b' })
  assert.deepEqual(splitKey('/a/..b', false), { folder: '/a/', name: '..b' })
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('/', '.', 'a', '\0') }),
      fc.boolean(),
      (key, isDirectory) => {
        let split
        try {
          split = splitKey(key, isDirectory)
        } catch (error) {
          assert.ok(error instanceof RangeError)
          return
        }
        assert.equal(
          split.folder + split.name + (isDirectory && key !== '/' ? '/' : ''),
          key === '/' ? '' : key,
        )
        assert.ok(!['.', '..'].includes(split.name) && !/[/\0]/.test(split.name))
        assert.ok(split.folder.split('/').every((part) => part !== '.' && part !== '..'))
      },
    ),
  )
})

test('isUntouched() sees each field but the flags and the device it lies on', () => {
  const meta = encodeMeta(fixedPart(stat, 0))
  assert.ok(isUntouched(fixedPart(stat, layout.HAS_HOLES), meta))
  assert.ok(isUntouched(fixedPart({ ...stat, dev: 99n }, 0), meta))
  for (const field of ['mode', 'uid', 'gid', 'nlink', 'ino', 'mtimeNs', 'ctimeNs'] as const) {
    assert.ok(!isUntouched(fixedPart({ ...stat, [field]: stat[field] + 1n }, 0), meta), field)
  }
  assert.ok(!isUntouched(fixedPart(stat, 0), encodeMeta(fixedPart(stat, layout.CHANGED_JUST_NOW))))
})

test('reusedMeta() takes over everything, unless attributes could not be read before and now can', () => {
  const blind = encodeMeta(fixedPart(stat, layout.WITHOUT_XATTRS), 'target')
  assert.equal(reusedMeta(fixedPart(stat, 0), blind), undefined)
  assert.deepEqual(reusedMeta(fixedPart(stat, layout.WITHOUT_XATTRS), blind), blind)
  const older = encodeMeta(fixedPart(stat, 0), 't')
  const moved = decodeMeta(reusedMeta(fixedPart({ ...stat, dev: 99n }, 0), older) ?? older)
  assert.deepEqual([moved.device, moved.target], [99n, 't'])
})

test('displayKey() shows no byte that a terminal would obey', () => {
  assert.equal(displayKey(layout.latin1Of(Buffer.from('/grüße'))), '/grüße')
  assert.equal(displayKey('/f\xff\x1b[31m\n'), '/f\\xff\\u{1b}[31m\\u{a}')
})
