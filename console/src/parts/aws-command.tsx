import './parts.css'
import CopyToClipboard from '@cloudscape-design/components/copy-to-clipboard'
import ExpandableSection from '@cloudscape-design/components/expandable-section'
import Box from '@cloudscape-design/components/box'
import type { ReactNode } from 'react'

type Value = string | number | boolean | object | undefined

/** One `aws` command line: what is undefined is left away, objects are JSON, everything is quoted for a shell. */
export function awsCommand(
  service: string,
  operation: string,
  input: Readonly<Record<string, Value>>,
): string {
  const options = Object.entries(input)
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([name, value]) => {
      const option = `--${name.replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase()}`
      if (typeof value === 'boolean') return value ? option : `--no-${option.slice(2)}`
      return `${option} ${quoted(typeof value === 'object' ? JSON.stringify(value) : String(value))}`
    })
  return [`aws ${service} ${operation}`, ...options].join(' \\\n  ')
}

/** One command line of this server's own: words and options, in their order; what is undefined or empty is left away. */
export function rolebackCommand(
  words: readonly string[],
  options: Readonly<Record<string, string | boolean | undefined>>,
): string {
  const given = Object.entries(options).flatMap(([name, value]) => {
    if (typeof value === 'boolean') return [`--${value ? '' : 'no-'}${name}`]
    return value === undefined || value === '' ? [] : [`--${name} ${quoted(value)}`]
  })
  return [`./roleback ${words.map(quoted).join(' ')}`, ...given].join(' \\\n  ')
}

/** Lines and controls are written as escapes: a shell or a terminal may obey what is pasted into it. */
const CONTROL = /\p{Cc}/u

/** For a shell: one word, whatever the text is. */
export function quoted(text: string): string {
  if (CONTROL.test(text)) {
    const escaped = text.replaceAll(/[\\']|\p{Cc}/gu, (one) =>
      CONTROL.test(one) ? `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}` : `\\${one}`,
    )
    return `$'${escaped}'`
  }
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

/** The same with the command line: everything that a form does can be done with it. */
export function AwsCommand({ command }: { readonly command: string }): ReactNode {
  return (
    <ExpandableSection
      headerText={command.startsWith('aws ') ? 'The same with the aws CLI' : 'The same on the command line'}
      variant="footer"
    >
      <Box variant="code">
        <pre className="command">{command}</pre>
      </Box>
      <CopyToClipboard
        copyButtonText="Copy"
        copyErrorText="The browser did not let it be copied"
        copySuccessText="Copied"
        textToCopy={command}
      />
    </ExpandableSection>
  )
}
