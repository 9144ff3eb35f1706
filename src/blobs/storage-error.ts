/** A request to a storage service that it refused or did not answer. `code` is the service's or the network's; never a secret. */
export class StorageError extends Error {
  override name = 'StorageError'
  readonly code: string
  /** HTTP status; undefined where no answer came. */
  readonly status: number | undefined
  /** Whether the same request may well succeed a moment later. */
  readonly isTransient: boolean

  constructor(message: string, about: StorageFault, options?: ErrorOptions) {
    super(message, options)
    this.code = about.code
    this.status = about.status
    this.isTransient = about.isTransient ?? isTransientFault(about)
  }
}

export interface StorageFault {
  readonly code: string
  readonly status: number | undefined
  readonly isTransient?: boolean
}

/** Codes that S3-compatible services give for what passes by itself, or for bytes that were changed on the way. */
const TRANSIENT_CODES: ReadonlySet<string> = new Set([
  'BadDigest',
  'IncompleteBody',
  'InternalError',
  'OperationAborted',
  'RequestTimeout',
  // The SDK takes the service's time from the refusal, so that the next request is right.
  'RequestTimeTooSkewed',
  'ServiceUnavailable',
  'SlowDown',
  'ThrottlingException',
  'XAmzContentSHA256Mismatch',
])

/** Codes of refusals of what was asked: asking again changes nothing, whatever the status says. */
const PERMANENT_CODES: ReadonlySet<string> = new Set([
  'AnswerTooLong',
  'NotImplemented',
  'CERT_HAS_EXPIRED',
  'ERR_INVALID_URL',
])

/** By code and status, never by message. Without a status there was no answer, and whether there was an effect is not known. */
function isTransientFault({ code, status }: StorageFault): boolean {
  if (PERMANENT_CODES.has(code) || /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME/.test(code)) return false
  if (TRANSIENT_CODES.has(code)) return true
  return status === undefined || status === 408 || status === 429 || status >= 500 || status < 300
}
