export interface AskingAgain {
  /** Why it may go on no longer; undefined where it may. */
  readonly ask: () => Promise<string | undefined>
  readonly everyMs: number
  /** Told once: nothing is asked behind a refusal. */
  readonly onRefused: (reason: string) => void
  /** Of an asking that failed. The next one is asked all the same: a database that is away refuses nobody. */
  readonly onError: (error: unknown) => void
}

/** Asks from time to time, one after the other, whether what is under way may still go on. @returns What ends the asking. */
export function askAgain({ ask, everyMs, onRefused, onError }: AskingAgain): () => void {
  let isOver = false
  let timer: NodeJS.Timeout
  const next = (): void => {
    timer = setTimeout(() => void look(), everyMs)
  }
  const look = async (): Promise<void> => {
    try {
      const reason = await ask()
      if (isOver) return
      if (reason !== undefined) return onRefused(reason)
    } catch (error) {
      if (!isOver) onError(error)
    }
    if (!isOver) next()
  }
  next()
  return () => {
    isOver = true
    clearTimeout(timer)
  }
}
