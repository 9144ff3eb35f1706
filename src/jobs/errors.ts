/** The job's role may not do what a step needs. The message is AWS's sentence. */
export class AccessDeniedError extends Error {
  override name = 'AccessDeniedError'
}

/** The role's trust policy, permissions or the caller's wish changed while the job ran. */
export class JobStoppedError extends Error {
  override name = 'JobStoppedError'
  readonly state: 'ABORTED' | 'FAILED' | 'EXPIRED'

  constructor(state: 'ABORTED' | 'FAILED' | 'EXPIRED', message: string) {
    super(message)
    this.state = state
  }
}

/** The job cannot end well whatever is tried again; the message goes to the user as it is. */
export class JobFailedError extends Error {
  override name = 'JobFailedError'
  readonly category: string
  /** What the job found nevertheless: its result. */
  readonly result: Readonly<Record<string, unknown>> | undefined

  constructor(
    message: string,
    category: string = 'FAILURE',
    options?: ErrorOptions & { readonly result?: Readonly<Record<string, unknown>> },
  ) {
    super(message, options)
    this.category = category
    this.result = options?.result
  }
}

/** What the job was to do must not be done: no other try helps, also of a job that is tried until it succeeds. */
export class JobRefusedError extends JobFailedError {
  override name = 'JobRefusedError'
}

/** Worth another try inside the start window. */
export class RetryLaterError extends Error {
  override name = 'RetryLaterError'
  readonly delayMs: number

  constructor(message: string, delayMs: number) {
    super(message)
    this.delayMs = delayMs
  }
}
