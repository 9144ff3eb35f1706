/** What the buttons are called that come where a row of tabs is longer than its place. */
export const TAB_WORDS = {
  scrollLeftAriaLabel: 'Tabs before',
  scrollRightAriaLabel: 'Further tabs',
} as const
