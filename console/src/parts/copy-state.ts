import type { CopyJob } from '@aws-sdk/client-backup'

/** AWS's copies have no state for one that was stopped: it is told apart from what failed by its category. */
export function copyState({ State, MessageCategory }: CopyJob): string | undefined {
  return State === 'FAILED' && MessageCategory === 'ABORTED' ? 'ABORTED' : State
}
