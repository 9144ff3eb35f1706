/** A document the policy grammar refuses; the operations answer it as MalformedPolicyDocument. */
export class PolicySyntaxError extends Error {
  override readonly name = 'PolicySyntaxError'
  /** Where, such as `Statement[0].Action`; empty for the document as a whole. */
  readonly path: string
  /** What was found there, for people; the message is AWS's own and says less. */
  readonly detail: string
  /** Where the text is no JSON at all: how many characters before. Otherwise the path leads to the place. */
  readonly offset: number | undefined

  constructor(message: string, path: string, detail: string, offset?: number) {
    super(message)
    this.path = path
    this.detail = detail
    this.offset = offset
  }
}
