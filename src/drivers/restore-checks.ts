/** One thing that a restore stands or falls with, looked at before anything is written. */
export interface RestoreCheck {
  readonly name: string
  /** `unknown`: only the restore itself will show. */
  readonly answer: 'no' | 'unknown' | 'yes'
  /** What was found, in a sentence without its period. */
  readonly message: string
}

/** A check's answer was no: what stands on it was not looked at. */
export class UnmetError extends Error {
  override name = 'UnmetError'
}

/** What was looked at, in its order. */
export class RestoreChecks {
  readonly made: RestoreCheck[] = []

  /**
   * Looks at one thing; whatever it throws is a no, with its words.
   * @param says What was found.
   * @throws {UnmetError}
   */
  async need<T>(name: string, look: () => Promise<T> | T, says: (found: T) => string): Promise<T> {
    try {
      const found = await look()
      this.made.push({ name, answer: 'yes', message: says(found) })
      return found
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause)
      this.made.push({ name, answer: 'no', message })
      throw new UnmetError(message, { cause })
    }
  }

  note(name: string, answer: 'unknown' | 'yes', message: string): void {
    this.made.push({ name, answer, message })
  }
}
