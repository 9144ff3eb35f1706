/** How values are written for people. */

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

export function bytes(count: number | undefined): string {
  if (count === undefined) return '–'
  const step = count < 1 ? 0 : Math.min(Math.floor(Math.log2(count) / 10), UNITS.length - 1)
  const value = count / 1024 ** step
  return `${step === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)}\u00a0${UNITS[step] as string}`
}

/** Whole percents of what the API writes as text; undefined for what is none. */
export function percentOf(text: string | undefined): number | undefined {
  const number = Number.parseFloat(text ?? '')
  return Number.isNaN(number) ? undefined : Math.round(number)
}

const dayAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })

/** In a narrow column it breaks between day and time, and nowhere else. */
export function when(at: Date | undefined): string {
  if (at === undefined) return '–'
  const parts = dayAndTime.formatToParts(at)
  const between = parts.findIndex(({ type }) => type === 'hour') - 1
  return parts
    .map(({ value }, index) => (index === between ? value : value.replaceAll(' ', '\u00a0')))
    .join('')
}

/** The time zone that `when` writes in. */
export const ownZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone

const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' })
const SPANS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
] as const

/** "3 hours ago", "in 2 days". */
export function ago(at: Date | undefined, now: number = Date.now()): string {
  if (at === undefined) return 'never'
  const distance = at.getTime() - now
  const [unit, ms] = SPANS.find(([, span]) => Math.abs(distance) >= span) ?? SPANS[3]
  return relative.format(Math.round(distance / ms), unit)
}

/** "1 h 5 min", "12 s", "0.3 s", "under 0.1 s". */
export function duration(ms: number): string {
  if (ms < 100) return 'under 0.1 s'
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

export function fromSeconds(seconds: number | undefined): Date | undefined {
  return seconds === undefined ? undefined : new Date(seconds * 1000)
}

/** What names a thing within its service and account. */
export function nameOf(arn: string | undefined): string {
  if (arn === undefined) return '–'
  const resource = arn.split(':').slice(5).join(':')
  return resource.split(/[/:]/).at(-1) || (arn.split(':').at(-1) ?? arn)
}

/** Of a job's or recovery point's resource type, in the console's own words. */
export function typeName(type: string | undefined): string {
  const names: Readonly<Record<string, string>> = {
    EFS: 'Directory',
    RDS: 'PostgreSQL',
    S3: 'S3\u00a0bucket',
  }
  return type === undefined ? '–' : (names[type] ?? type)
}

export function count(number: number, one: string, many: string = `${one}s`): string {
  return `${number.toLocaleString()} ${number === 1 ? one : many}`
}

/** Why, as it ends a refusal's sentence, standing alone. */
export function reasonText(reason: string | undefined): string {
  const words = reason?.replace(/^because /, '') ?? '–'
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** What names a statement of a policy: its Sid, or its place, which the server counts from 0. */
export function statementText(id: string | undefined): string {
  const [, place] = /^#(\d+)$/.exec(id ?? '') ?? []
  return place === undefined ? (id ?? '') : `statement ${Number(place) + 1}`
}

/** A statement that decided something, with the policy that it is of. */
export function decidingText(of: { readonly Policy: string; readonly StatementId: string }): string {
  return `${nameOf(of.Policy)}, ${statementText(of.StatementId)}`
}
