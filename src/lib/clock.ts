/** Where time comes from. Everything that decides by time gets a Clock passed in, so that tests hold it. */
export interface Clock {
  /** Milliseconds since 1970. May jump: never the only reason to delete or unlock something. */
  now(): number
  /** Milliseconds that only grow, for leases and time-outs within one process. */
  monotonic(): number
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
}
