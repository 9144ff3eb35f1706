import type { ReportItem } from './report.ts'

export const REPORT_FORMATS = ['CSV', 'JSON'] as const
export type ReportFormat = (typeof REPORT_FORMATS)[number]

/** A report of more bytes is cut into several files, each whole in itself. */
export const MAX_FILE_BYTES: number = 32 * 1024 * 1024

interface Form {
  readonly extension: string
  readonly contentType: string
  readonly begin: (columns: readonly string[]) => string
  readonly item: (item: ReportItem, columns: readonly string[], isFirst: boolean) => string
  readonly end: string
}

export const FORMS: Readonly<Record<ReportFormat, Form>> = {
  CSV: {
    extension: 'csv',
    contentType: 'text/csv; charset=utf-8',
    begin: (columns) => `${columns.join(',')}\r\n`,
    item: (item, columns) => `${columns.map((column) => cell(item[column])).join(',')}\r\n`,
    end: '',
  },
  JSON: {
    extension: 'json',
    contentType: 'application/json',
    begin: () => '{"reportItems":[',
    item: (item, _, isFirst) => `${isFirst ? '' : ','}\n${JSON.stringify(item)}`,
    end: '\n]}\n',
  },
}

/**
 * A cell as RFC 4180 has it. Text that a spreadsheet would take for a formula (it begins with =, +, -, @, a tab or a return) gets an
 * apostrophe before it, as OWASP's "CSV Injection" asks: names of resources and plans are whatever somebody called them.
 */
export function cell(value: string | number | boolean | null | undefined): string {
  if (value === null || value === undefined) return ''
  if (typeof value !== 'string') return String(value)
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** A report's files, one in memory at a time; there is always one, if only with a header. */
export async function* reportFiles(
  format: ReportFormat,
  columns: readonly string[],
  items: AsyncIterable<ReportItem>,
  maxBytes: number = MAX_FILE_BYTES,
): AsyncGenerator<Buffer, void, void> {
  const form = FORMS[format]
  let parts: Buffer[] = [Buffer.from(form.begin(columns))]
  let bytes = 0
  for await (const item of items) {
    const part = Buffer.from(form.item(item, columns, bytes === 0))
    if (bytes > 0 && bytes + part.length > maxBytes) {
      yield Buffer.concat([...parts, Buffer.from(form.end)])
      parts = [Buffer.from(form.begin(columns)), Buffer.from(form.item(item, columns, true))]
      bytes = part.length
      continue
    }
    parts.push(part)
    bytes += part.length
  }
  yield Buffer.concat([...parts, Buffer.from(form.end)])
}
