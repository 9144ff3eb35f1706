/**
 * Compiles src/restic/poly1305.as to the WebAssembly in src/restic/poly1305-kernel.ts. `--check` compares instead of writing.
 */
import { readFile, writeFile } from 'node:fs/promises'

import asc from 'assemblyscript/asc'

const SOURCE = new URL('../src/restic/poly1305.as', import.meta.url)
const FILE = new URL('../src/restic/poly1305-kernel.ts', import.meta.url)

async function build(): Promise<string> {
  const source = await readFile(SOURCE, 'utf8')
  // Two pages: registers and 64 KiB of input.
  const { error, binary } = await asc.compileString(source, {
    optimizeLevel: 3,
    shrinkLevel: 0,
    runtime: 'stub',
    noAssert: true,
    initialMemory: 2,
    maximumMemory: 2,
  })
  if (error !== null || binary === null) {
    throw new Error(`compiling "${SOURCE.pathname}" failed`, { cause: error })
  }
  const lines =
    Buffer.from(binary)
      .toString('base64')
      .match(/.{1,100}/g) ?? []
  return `/** Made by tools/build-poly1305.ts from poly1305.as; do not edit. */
export const POLY1305_WASM_BASE64: string =
${lines.map((line) => `  '${line}'`).join(' +\n')}
`
}

const wanted = await build()
if (!process.argv.includes('--check')) {
  await writeFile(FILE, wanted)
} else if ((await readFile(FILE, 'utf8').catch(() => '')) !== wanted) {
  process.stderr.write(
    'src/restic/poly1305-kernel.ts is not what tools/build-poly1305.ts makes of poly1305.as; ' +
      'run `node tools/build-poly1305.ts` and review the difference\n',
  )
  process.exitCode = 1
}
