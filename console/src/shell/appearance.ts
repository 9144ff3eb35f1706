import { Mode, applyMode } from '@cloudscape-design/global-styles'

/** Light or dark: as the machine is set, until somebody chooses here. */

const CHOSEN = 'roleback-appearance'
const machine = matchMedia('(prefers-color-scheme: dark)')

export function isDark(): boolean {
  const chosen = localStorage.getItem(CHOSEN)
  return chosen === null ? machine.matches : chosen === 'dark'
}

export function applyAppearance(): void {
  applyMode(isDark() ? Mode.Dark : Mode.Light)
}

export function switchAppearance(): void {
  localStorage.setItem(CHOSEN, isDark() ? 'light' : 'dark')
  applyAppearance()
}

machine.addEventListener('change', applyAppearance)
