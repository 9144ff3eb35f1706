declare module 'virtual:action-names' {
  /** Every action of the services that occur here, as `service:Action`, sorted. */
  export const ACTION_NAMES: readonly string[]
}
