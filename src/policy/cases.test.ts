import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { compilePolicy } from './compile.ts'
import type { CompiledPolicy, PolicySource } from './compile.ts'
import { contextOf, evaluate } from './evaluate.ts'
import type { PolicyLayers, PrincipalView } from './evaluate.ts'
import { parsePolicy, PolicySyntaxError } from './parse.ts'
import type { PolicyKind } from './policy.ts'

/**
 * A case file: `groups` of cases that share policies. A policy is a whole document, or a list of statements that
 * stands for a document of version 2012-10-17. A case overrides its group, a group the file's `defaults`.
 */
type Document = object | readonly object[]
type Setting = {
  readonly principal?: string
  readonly action?: string
  readonly resource?: string
  /** The account that owns the resource. */
  readonly account?: string
  readonly context?: Readonly<Record<string, string | readonly string[]>>
  readonly identity?: Document
  readonly boundary?: Document | 'empty'
  readonly session?: Document | 'empty'
  readonly resourcePolicy?: Document
  readonly vault?: Document
  readonly trust?: Document
}
type Case = Setting & { readonly name: string; readonly expect: string; readonly reason?: string }
type CaseFile = {
  readonly topic: string
  readonly defaults?: Setting
  readonly groups: readonly (Setting & { readonly cases: readonly Case[] })[]
}
type GrammarFile = {
  readonly topic: string
  readonly grammar: readonly {
    readonly name: string
    readonly kind: PolicyKind
    readonly document?: unknown
    readonly text?: string
    /** The message, where the document is refused. */
    readonly refused?: string
    readonly path?: string
  }[]
}

const FOLDER = new URL('cases/', import.meta.url)
const PRINCIPALS = read('principals.json') as Readonly<Record<string, PrincipalView>>

function read(name: string): unknown {
  return JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8'))
}

function compile(document: Document, kind: PolicyKind, type: PolicySource['type']): CompiledPolicy {
  const whole = Array.isArray(document) ? { Version: '2012-10-17', Statement: document } : document
  return compilePolicy(parsePolicy(JSON.stringify(whole), kind), { type, name: `${type}-policy` })
}

function limitOf(document: Document | 'empty' | undefined, kind: PolicyKind, type: PolicySource['type']) {
  if (document === undefined) return undefined
  return document === 'empty' ? [] : [compile(document, kind, type)]
}

function layersOf(setting: Setting): PolicyLayers {
  const { identity, resourcePolicy, vault, trust } = setting
  const guarded = resourcePolicy ?? vault
  return {
    identity: identity === undefined ? [] : [compile(identity, 'identity', 'inline')],
    boundary: limitOf(setting.boundary, 'identity', 'boundary'),
    session: limitOf(setting.session, 'session', 'session'),
    resource: guarded && compile(guarded, vault === undefined ? 'resource' : 'vault', 'resource'),
    trust: trust && compile(trust, 'trust', 'trust'),
  }
}

function check(setting: Setting, expected: Case): void {
  const principal = PRINCIPALS[setting.principal ?? 'alice']
  assert.ok(principal, `no principal "${setting.principal}" in principals.json`)
  const decision = evaluate(
    {
      principal,
      action: setting.action ?? '',
      resource: setting.resource ?? '*',
      resourceAccountId: setting.account,
      context: contextOf(setting.context ?? {}),
    },
    layersOf(setting),
  )
  assert.equal(`${decision.effect} ${decision.layer}`, expected.expect)
  assert.equal(decision.allowed, decision.effect === 'Allow')
  if (expected.reason !== undefined) assert.equal(decision.reason, expected.reason)
}

function isGrammar(file: CaseFile | GrammarFile): file is GrammarFile {
  return 'grammar' in file
}

for (const name of readdirSync(FOLDER).toSorted()) {
  if (name === 'principals.json') continue
  const file = read(name) as CaseFile | GrammarFile
  describe(file.topic, () => {
    if (isGrammar(file)) for (const grammar of file.grammar) test(grammar.name, () => checkGrammar(grammar))
    else {
      for (const { cases, ...group } of file.groups) {
        for (const item of cases) test(item.name, () => check({ ...file.defaults, ...group, ...item }, item))
      }
    }
  })
}

function checkGrammar({ kind, document, text, refused, path }: GrammarFile['grammar'][number]): void {
  const written = text ?? JSON.stringify(document)
  if (refused === undefined) {
    assert.equal(parsePolicy(written, kind).kind, kind)
    return
  }
  assert.throws(
    () => parsePolicy(written, kind),
    (error) => {
      assert.ok(error instanceof PolicySyntaxError)
      assert.equal(error.message, refused)
      if (path !== undefined) assert.equal(error.path, path)
      return true
    },
  )
}
