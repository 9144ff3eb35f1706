/** Codes of errors that pass by themselves: a source that is down, restarting or too busy for the moment. */
const CODES: ReadonlySet<string> = new Set([
  // the network
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'EPIPE',
  'EAI_AGAIN',
  'TimeoutError',
  // PostgreSQL: starting up, shutting down, too many connections
  '57P01',
  '57P03',
  '53300',
  // S3
  'SlowDown',
  'ServiceUnavailable',
  'InternalError',
  'RequestTimeout',
  // an encryption key that is away
  'ENCRYPTION_KEY',
])

/** Causes looked at, from the error inwards. */
const MAX_DEPTH = 6

/** True for errors after which the same job may well succeed: by code or HTTP status, never by message. */
export function isTransient(error: unknown): boolean {
  let at: unknown = error
  for (let depth = 0; depth < MAX_DEPTH && typeof at === 'object' && at !== null; depth++) {
    const { code, status, cause } = at as { code?: unknown; status?: unknown; cause?: unknown }
    if (typeof code === 'string' && CODES.has(code)) return true
    if (typeof status === 'number' && status >= 500) return true
    at = cause
  }
  return false
}
