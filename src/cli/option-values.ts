import type { Connection } from '../aws/generated/roleback.ts'
import { CommandUsageError } from './report.ts'

/** For options that may be given several times. */
export function collect(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value]
}

/** @throws {CommandUsageError} */
export function portOf(text: string): number {
  const port = Number(text)
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535) return port
  throw new CommandUsageError(`--port "${text}" is not a number from 1 to 65535`)
}

/** @throws {CommandUsageError} */
export function tlsModeOf(text: string | undefined): Connection['TlsMode'] {
  if (text === undefined || text === 'verify-full' || text === 'require' || text === 'disable') return text
  throw new CommandUsageError(`--tls-mode "${text}" is not verify-full, require or disable`)
}

/** `K=V`; the value may hold further `=`. @throws {CommandUsageError} */
export function tagsOf(given: readonly string[]): { readonly Key: string; readonly Value: string }[] {
  return given.map((text) => {
    const at = text.indexOf('=')
    if (at < 1) throw new CommandUsageError(`--tag "${text}" is not KEY=VALUE`)
    return { Key: text.slice(0, at), Value: text.slice(at + 1) }
  })
}
