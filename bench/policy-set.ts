import { compilePolicy } from '../src/policy/compile.ts'
import type { CompiledPolicy } from '../src/policy/compile.ts'
import { parsePolicy } from '../src/policy/parse.ts'

/**
 * As many policies as AWS ships, of their sizes: what a server has to compile and keep that everybody's policies reach. Sizes are those
 * of 962 AWS managed policies as compact JSON, from moto's list of them; here are the characters at each share of the sorted list.
 */
const SIZES: readonly (readonly [share: number, characters: number])[] = [
  [0, 85],
  [0.1, 117],
  [0.25, 194],
  [0.5, 441],
  [0.75, 1_027],
  [0.9, 2_395],
  [0.95, 3_767],
  [0.99, 10_099],
  [1, 69_825],
]
const COUNT = 1_500
const SERVICES = ['ec2', 's3', 'rds', 'backup', 'iam', 'dynamodb', 'elasticfilesystem', 'kms', 'logs', 'ssm']
const VERBS = ['Describe', 'List', 'Get', 'Create', 'Delete', 'Update', 'Put', 'Tag', 'Start', 'Stop']
const NOUNS = ['Instance', 'Snapshot', 'Bucket', 'Vault', 'Role', 'Table', 'Key', 'Group', 'Volume', 'Job']

/** 1,500 documents whose sizes are spread as AWS's are. */
export function policySet(): readonly string[] {
  return Array.from({ length: COUNT }, (_, i) => documentOf(sizeAt((i + 0.5) / COUNT), i))
}

function sizeAt(share: number): number {
  const upper = SIZES.findIndex(([at]) => at >= share)
  const [[from, low], [to, high]] = [SIZES[upper - 1], SIZES[upper]] as [[number, number], [number, number]]
  return low + ((high - low) * (share - from)) / (to - from)
}

/** Statements of a few actions each until the size is reached: a statement in AWS's has two at the median. */
function documentOf(characters: number, seed: number): string {
  const statements: object[] = []
  let size = 40
  for (let i = 0; size < characters || i === 0; i++) {
    const statement = statementOf(seed * 31 + i)
    statements.push(statement)
    size += JSON.stringify(statement).length + 1
  }
  return JSON.stringify({ Version: '2012-10-17', Statement: statements })
}

function statementOf(seed: number): object {
  const pick = (list: readonly string[], at: number): string => list[at % list.length] as string
  const service = pick(SERVICES, seed)
  const count = 1 + (seed % 7)
  const actions = Array.from(
    { length: count },
    (_, i) => `${service}:${pick(VERBS, seed + i)}${i % 5 === 4 ? '*' : pick(NOUNS, seed * 3 + i)}`,
  )
  return {
    Effect: 'Allow',
    Action: actions,
    Resource: seed % 3 === 0 ? '*' : `arn:aws:${service}:*:*:${pick(NOUNS, seed).toLowerCase()}/*`,
    ...(seed % 4 === 0 && {
      Condition: { StringEquals: { 'aws:ResourceAccount': '${aws:PrincipalAccount}' } },
    }),
  }
}

export function compile(text: string, name: string): CompiledPolicy {
  return compilePolicy(parsePolicy(text, 'identity'), {
    type: 'managed',
    arn: `arn:aws:iam::aws:policy/${name}`,
    name,
  })
}

/** Heap that compiled policies take, in KiB each. Node must run with --expose-gc. */
export function heapKib(make: () => readonly CompiledPolicy[]): number {
  if (globalThis.gc === undefined) throw new Error('node must run with --expose-gc')
  make() // What is shared by all is there before.
  globalThis.gc()
  const before = process.memoryUsage().heapUsed
  const kept = make()
  globalThis.gc()
  return (process.memoryUsage().heapUsed - before) / kept.length / 1024
}
