import { AwsError } from '../aws/error.ts'
import { printable } from '../lib/log.ts'

/** Exit codes of the command line. */
export const OK = 0
export const FAILED = 1
export const USAGE = 2

/** A command could not do its work; the message says what, on what, why and what to do next. */
export class CommandError extends Error {
  override name = 'CommandError'
}

/** The command was called wrongly: exit code 2. */
export class CommandUsageError extends Error {
  override name = 'CommandUsageError'
}

/** What helps with an error of the system, by its code. */
const ADVICE: Readonly<Record<string, string>> = {
  ENOENT: 'Check the path',
  ECONNREFUSED: 'Start the server with "roleback serve", or set AWS_ENDPOINT_URL to where it answers',
  ECONNRESET: 'Is it a server of this kind, and is http or https right in AWS_ENDPOINT_URL?',
  ENOTFOUND: 'Set AWS_ENDPOINT_URL to where the server answers',
  EADDRINUSE: 'Another program listens there: stop it, or choose another port with --listen',
  EADDRNOTAVAIL: 'Give --listen an address that this machine has',
  EACCES: 'Check who owns it and its mode, or choose another place',
  ENOSPC: 'Make room, or choose another place',
  EROFS: 'Choose a place that can be written',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'Set AWS_CA_BUNDLE to the certificate of the authority that signed it',
  SELF_SIGNED_CERT_IN_CHAIN: 'Set AWS_CA_BUNDLE to the certificate of the authority that signed it',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'Set AWS_CA_BUNDLE to the certificate of the authority that signed it',
}

/** One line for a person: what failed and, where it is known, what to do next. Control characters are escaped. */
export function describeError(error: unknown): string {
  if (error instanceof AwsError) return printable(`${error.code}: ${error.message}`)
  if (!(error instanceof Error)) return printable(String(error))
  const advice = adviceFor(error)
  const sentence = sentenceOf(error)
  return printable(advice === undefined ? sentence : `${sentence}. ${advice}`)
}

/** What the system tells as `ENOENT: no such file or directory, open '/x'`, with what was tried and on what first. */
function sentenceOf(error: NodeJS.ErrnoException & { address?: string; port?: number }): string {
  const found = /^(?:\w+ )?E[A-Z]+: ([^,]*?)(?:, | \S+:\d+$)/.exec(error.message)?.[1]
  if (found === undefined) return error.message
  if (error.syscall === 'listen' && error.address !== undefined) {
    return `Cannot listen on ${error.address}:${error.port ?? 0}: ${found}`
  }
  if (error.path === undefined) return error.message
  return `Cannot ${error.syscall === 'mkdir' ? 'make' : 'open'} "${error.path}": ${found}`
}

export function exitCodeFor(error: unknown): number {
  return error instanceof CommandUsageError || (error as Error | undefined)?.name === 'ConfigError'
    ? USAGE
    : FAILED
}

function adviceFor(error: Error): string | undefined {
  const code = (error as NodeJS.ErrnoException).code
  if (code !== undefined && ADVICE[code] !== undefined) return ADVICE[code]
  return error.cause instanceof Error ? adviceFor(error.cause) : undefined
}
