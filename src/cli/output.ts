import { printable } from '../lib/log.ts'

/** A line on standard output. */
export function say(text = ''): void {
  process.stdout.write(`${text}\n`)
}

/** A line on standard error. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`)
}

export function sayJson(value: unknown): void {
  say(JSON.stringify(value, null, 2))
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** `0 B`, `1023 B`, `1.5 KiB`, `12 MiB`: powers of 1024, one decimal below ten. */
export function humanBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 || value >= 10 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`
}

/** Columns as wide as their widest cell, two spaces between; what the cells hold is made printable. */
export function tableOf(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [header, ...rows.map((row) => row.map((cell) => printable(cell)))]
  const widths = header.map((_, column) => Math.max(...cells.map((row) => (row[column] ?? '').length)))
  return cells
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** `name  value` lines; absent values are left away. */
export function factsOf(facts: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const given = Object.entries(facts).filter(([, value]) => value !== undefined)
  const width = Math.max(0, ...given.map(([name]) => name.length))
  return given.map(([name, value]) => `${name.padEnd(width)}  ${printable(String(value))}`).join('\n')
}

/** A word for a shell: quoted where it needs to be. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
