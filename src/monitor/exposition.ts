/**
 * Prometheus's text format, version 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats). Names and label names are ours; label
 * values are anybody's, and escaped.
 */

export interface Sample {
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
}

export interface Family {
  /** Ends in its unit, and in `_total` where it is a counter. */
  readonly name: string
  readonly type: 'counter' | 'gauge'
  readonly help: string
  readonly samples: readonly Sample[]
}

export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** Families without samples are left out. */
export function exposition(families: readonly Family[]): string {
  return families
    .filter(({ samples }) => samples.length > 0)
    .map(
      ({ name, type, help, samples }) =>
        `# HELP ${name} ${escaped(help, false)}\n# TYPE ${name} ${type}\n` +
        samples.map((sample) => `${name}${labelsOf(sample)} ${sample.value}\n`).join(''),
    )
    .join('')
}

function labelsOf({ labels = {} }: Sample): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value, true)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escaped(text: string, isLabel: boolean): string {
  const lines = text.replaceAll('\\', String.raw`\\`).replaceAll('\n', String.raw`\n`)
  return isLabel ? lines.replaceAll('"', String.raw`\"`) : lines
}
