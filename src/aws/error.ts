/** An error on the wire: AWS's code and status, the message, and further modelled members. */
export class AwsError extends Error {
  override name = 'AwsError'
  /** E.g. `NoSuchEntity`, `ResourceNotFoundException`. */
  readonly code: string
  /** HTTP status. */
  readonly status: number
  /** Modelled members beside the message, e.g. `Context`. */
  readonly data: Readonly<Record<string, unknown>>

  constructor(
    code: string,
    status: number,
    message: string,
    data: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options)
    this.code = code
    this.status = status
    this.data = data
  }
}
