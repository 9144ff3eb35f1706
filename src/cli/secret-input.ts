import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { CommandUsageError } from './report.ts'

/**
 * A secret from a file, from standard input (`-`), or typed without echo where neither is given and somebody sits there. It is
 * never taken from an argument: those are readable for everybody on the machine.
 *
 * @param option The option that names the file, for messages.
 */
export async function readSecret(file: string | undefined, what: string, option: string): Promise<string> {
  if (file === undefined) {
    if (process.stdin.isTTY !== true) {
      throw new CommandUsageError(
        `No ${what}: give ${option} FILE, or ${option} - to read it from standard input`,
      )
    }
    return checked(await typed(what), what, 'what was typed')
  }
  const text = file === '-' ? readFileSync(0, 'utf8') : readFileSync(file, 'utf8')
  return checked(text, what, file === '-' ? 'standard input' : `"${file}"`)
}

/** Editors end a file with a line break; it is not part of the secret. */
export function checked(text: string, what: string, source: string): string {
  const secret = text.replace(/\r?\n$/, '')
  if (secret === '') throw new CommandUsageError(`No ${what}: ${source} is empty`)
  if (/[\r\n\0]/.test(secret)) {
    throw new CommandUsageError(`Cannot use ${source} as ${what}: it holds more than one line`)
  }
  return secret
}

async function typed(what: string): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  process.stderr.write(`${what}: `)
  const reader = createInterface({ input: process.stdin, output: silent, terminal: true })
  try {
    return await reader.question('')
  } finally {
    reader.close()
    process.stderr.write('\n')
  }
}
