/**
 * Structured log lines on standard error: one JSON object a line, or plain text on a terminal. Values are escaped, so that a
 * name with line breaks or escape codes cannot forge a line. Nothing secret is ever handed to it.
 */
export interface Log {
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>

export type LogFormat = 'json' | 'text' | 'silent'

/** @param write Takes each line, its end included. */
export function createLog(
  format: LogFormat,
  write: (line: string) => void = (line) => void process.stderr.write(line),
): Log {
  const emit =
    (level: string) =>
    (message: string, fields: LogFields = {}) => {
      if (format === 'silent') return
      const time = new Date().toISOString()
      if (format === 'json') write(JSON.stringify({ time, level, message, ...fields }) + '\n')
      else write(`${time} ${level} ${printable(message)}${textFields(fields)}\n`)
    }
  return { info: emit('info'), warn: emit('warn'), error: emit('error') }
}

function textFields(fields: LogFields): string {
  let text = ''
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined)
      text += ` ${name}=${typeof value === 'string' ? JSON.stringify(printable(value)) : value}`
  }
  return text
}

/** Of an error what a log line has: where it came from, too. */
export function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

/** Text with control, bidirectional and other invisible characters written as escapes. */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]/gu,
    (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`,
  )
}
