import { compile, heapKib, policySet } from './policy-set.ts'

/** `node --expose-gc policy-memory.ts`: the documents of the big policies on standard input, as a JSON list. Prints JSON, in KiB. */
const texts: string[] = []
for await (const chunk of process.stdin) texts.push(String(chunk))
const documents = JSON.parse(texts.join('')) as readonly string[]
const COPIES = 50
const big = heapKib(() =>
  documents.flatMap((text, i) => Array.from({ length: COPIES }, (_, copy) => compile(text, `${i}-${copy}`))),
)
const set = policySet()
const mean = heapKib(() => set.map((text, i) => compile(text, `set-${i}`)))
process.stdout.write(JSON.stringify({ big, mean }) + '\n')
