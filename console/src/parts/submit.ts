import { useState } from 'react'
import { queries } from '../api/queries.ts'
import { endIfRefused } from '../session/session.ts'

export interface Submit {
  /** What the last attempt failed with. */
  readonly error: unknown
  readonly isBusy: boolean
  /** For a form's `onSubmit`: the page stays, and no second attempt starts beside the first. */
  readonly onSubmit: (event: { preventDefault: () => void }) => void
}

/**
 * What was known of before is no answer any more, on the next screen neither, which the attempt itself may lead to. What is in sight is not
 * asked again for it: of what was refused that would be one more refusal.
 */
const outdated = async (): Promise<void> => await queries.invalidateQueries({ refetchType: 'none' })

/** One attempt at a time at what a form does; where it fails the form stays as it was, and says why. */
export function useSubmit(attempt: () => Promise<void>): Submit {
  const [error, setError] = useState<unknown>()
  const [isBusy, setBusy] = useState(false)
  const run = async (): Promise<void> => {
    setBusy(true)
    setError(undefined)
    try {
      await outdated()
      await attempt()
      await outdated()
    } catch (failure) {
      setError(failure)
      void endIfRefused(failure)
    } finally {
      setBusy(false)
    }
  }
  return {
    error,
    isBusy,
    onSubmit: (event) => {
      event.preventDefault()
      if (!isBusy) void run()
    },
  }
}
