import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { allowedText } from './allowed.ts'

/** How the API's models write the names that people give. */
export const NAMES = {
  vault: '[a-zA-Z0-9_-]{2,50}',
  /** Of plans, their rules and resource assignments. */
  plan: '[a-zA-Z0-9_.-]{1,50}',
  identity: '[\\w+=,.@-]{1,64}',
  /** Of groups and policies. */
  policy: '[\\w+=,.@-]{1,128}',
  framework: '[a-zA-Z][a-zA-Z0-9_]{0,255}',
  testingPlan: '[a-zA-Z0-9_]{1,50}',
  discoveryRule: '[A-Za-z0-9][A-Za-z0-9_-]{0,63}',
  target: '[A-Za-z0-9][A-Za-z0-9_-]{0,63}',
  storage: '[a-z0-9][a-z0-9-]{0,63}',
  account: '[ -~]{1,50}',
  /** Of registered resources: of a directory what people call it, of the others a part of the ARN. */
  directory: '[\\s\\S]{1,255}',
  database: '[a-zA-Z][a-zA-Z0-9_-]{0,62}',
  bucket: '[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]',
  alias: '[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]',
} as const

/** What is allowed where the pattern says more than a set of characters. */
const WORDS: Readonly<Partial<Record<NameKind, string>>> = {
  directory: '1 to 255 characters',
  bucket: '3 to 63 lower-case letters, digits, dots and hyphens, beginning and ending with a letter or digit',
  account: '1 to 50 letters, digits, blanks and signs, all of ASCII',
  alias: '3 to 63 lower-case letters, digits and hyphens, each hyphen between two others',
}

export type NameKind = keyof typeof NAMES

export function isName(kind: NameKind, text: string): boolean {
  return new RegExp(`^(?:${NAMES[kind]})$`).test(text)
}

/** A name, judged once its field was left: while it is typed it is not wrong yet. */
export function NameField({
  label = 'Name',
  kind,
  hint,
  value,
  stretch = false,
  isOptional = false,
  slip,
  control,
  onChange,
}: {
  readonly label?: string
  readonly kind: NameKind
  /** What else is to be known of it. */
  readonly hint?: string
  readonly value: string
  readonly stretch?: boolean
  readonly isOptional?: boolean
  /** What else is wrong with it, whether it was left or not. */
  readonly slip?: string | undefined
  /** Beside it. */
  readonly control?: ReactNode
  readonly onChange: (value: string) => void
}): ReactNode {
  const [wasLeft, setLeft] = useState(false)
  const allowed = WORDS[kind] ?? allowedText(NAMES[kind]) ?? ''
  const isWrong = wasLeft && !(isOptional && value === '') && !isName(kind, value)
  return (
    <FormField
      label={label}
      stretch={stretch}
      constraintText={`${allowed.charAt(0).toUpperCase()}${allowed.slice(1)}.${hint === undefined ? '' : ` ${hint}`}`}
      secondaryControl={control}
      errorText={isWrong ? wrongText(value, allowed) : slip}
    >
      <Input
        value={value}
        autoComplete={false}
        invalid={isWrong}
        onBlur={() => setLeft(true)}
        onChange={({ detail }) => onChange(detail.value)}
      />
    </FormField>
  )
}

const wrongText = (value: string, allowed: string): string =>
  value === '' ? 'It needs a name.' : `“${value}” is not allowed: use ${allowed}.`
