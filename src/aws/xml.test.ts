import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { escapeXml } from './answer.ts'
import { parseXml } from './xml.ts'

test('parseXml() gives back any text that escapeXml() wrote', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const { children } = parseXml(`<a xmlns="x"><b>${escapeXml(text)}</b><b/></a>`)
      assert.deepEqual([children.length, parseXml(`<b>${escapeXml(text)}</b>`).text], [2, children[0]?.text])
      assert.equal(escapeXml(children[0]?.text ?? ''), escapeXml(text))
    }),
  )
})

test('parseXml() refuses what is not one whole element of text and elements', () => {
  for (const xml of [
    '',
    'text',
    '<a>',
    '</a>',
    '<a></b>',
    '<a/><b/>',
    '<a><b></a></b>',
    '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
    '<a><![CDATA[x]]></a>',
    '<a b=c/>',
    '<a>'.repeat(100) + '</a>'.repeat(100),
  ]) {
    assert.throws(() => parseXml(xml), SyntaxError, xml)
  }
})

test('parseXml() throws nothing but a SyntaxError on any text', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('<', '>', '/', 'a', '&', ';', '#', 'x', '1', '"', '=', ' ') }),
      (xml) => {
        try {
          parseXml(xml)
        } catch (error) {
          assert.ok(error instanceof SyntaxError)
        }
      },
    ),
    { numRuns: 5000 },
  )
})
