import { matches } from './selection.ts'

/**
 * What a discovery rule says of the names behind a connection: which of them it means, what becomes of those, and what they are
 * called here.
 */
export interface DiscoveryDocument {
  /** Names that it means, with `*` for any number of characters; `*` alone means all. */
  readonly include: readonly string[]
  /** Of those, the ones that it does not mean. */
  readonly exclude: readonly string[]
  readonly mode: 'OFFER' | 'REGISTER'
  /** What a resource is called; `{name}` stands for its name at the source. */
  readonly nameTemplate: string
  readonly tags: Readonly<Record<string, string>>
  readonly intervalMinutes: number
}

const NAME = '{name}'
/** What restores make and take away again. */
const OWN = /^(?:awsbackup-restore-test-[0-9a-f]{32}$|\.roleback-restore-)/

/**
 * Whether a rule means what is called `name`. As in a shell, names that begin with a dot are meant by patterns that do so only; what
 * restores have under way is never meant.
 */
export function isMeant({ include, exclude }: DiscoveryDocument, name: string): boolean {
  if (OWN.test(name)) return false
  const means = (pattern: string): boolean =>
    matches(pattern, name) && (!name.startsWith('.') || pattern.startsWith('.'))
  return include.some(means) && !exclude.some((pattern) => matches(pattern, name))
}

/** What is wrong with a template for names; undefined where nothing is. */
export function templateProblem(template: string): string | undefined {
  if (template.split(NAME).length !== 2)
    return `"${template}" must have ${NAME} in it once: without it everything that is found would have one name`
  return undefined
}

/** What a resource of that name at the source is called here: characters that ARNs do not take become a hyphen. */
export function nameHere(type: string, template: string, name: string): string {
  const fit =
    type === 'EFS'
      ? name
      : type === 'RDS'
        ? name.replace(/[^A-Za-z0-9_-]/g, '-')
        : name.toLowerCase().replace(/[^a-z0-9.-]/g, '-')
  return template.replace(NAME, () => fit)
}

/** The beginning of all names that a template gives. */
export function nameStart(template: string): string {
  return template.slice(0, template.indexOf(NAME))
}
