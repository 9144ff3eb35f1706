import type { ConditionContext } from './context.ts'
import type { StatementView } from './lint-statement.ts'
import type { Remark } from './lint.ts'
import { arnsOverlap } from './overlap.ts'
import { likePattern } from './pattern.ts'
import type { Statement } from './policy.ts'
import type { ActionFacts, ServiceFacts } from './reference.ts'
import { withVariablesAs } from './variables.ts'

/** Comparisons of resources with forms that one statement is worth; a policy of 128 KiB could ask for millions. */
const MAX_COMPARISONS = 20_000

const WILDCARD = /[*?]/
const NO_CONTEXT = new Map() as ReadonlyMap<string, string> as ConditionContext

/** One name in a statement's Action, with the actions that it stands for; undefined where it stands for any service's. */
interface Named {
  readonly name: string
  readonly path: string
  readonly actions: readonly ActionFacts[] | undefined
}

/** Names that no service knows, and resources that the actions cannot be about. */
export function lintActions(statement: Statement, view: StatementView): readonly Remark[] {
  const remarks: Remark[] = []
  const named: Named[] = []
  const { action } = statement
  const element = `${view.path}.${action.negated ? 'NotAction' : 'Action'}`
  for (const [index, name] of action.names.entries()) {
    const path = `${element}[${index}]`
    const found = lookUp(name, view)
    if (found.remark !== undefined) remarks.push({ ...found.remark, path })
    named.push({ name, path, actions: found.actions })
  }
  return [...remarks, ...lintResources(statement, view, named)]
}

type Unplaced = Omit<Remark, 'path'>

function lookUp(
  name: string,
  { reference, guesses }: StatementView,
): { readonly actions: readonly ActionFacts[] | undefined; readonly remark?: Unplaced } {
  const colon = name.indexOf(':')
  const prefix = name.slice(0, Math.max(colon, 0))
  if (name === '*' || WILDCARD.test(prefix)) return { actions: undefined }
  const service = reference.service(prefix.toLowerCase())
  if (service === undefined) {
    const message = `No service has the prefix "${prefix}": "${name}" is about nothing`
    return { actions: [], remark: { severity: 'ERROR', code: 'UnknownService', message } }
  }
  const asked = name.slice(colon + 1)
  const actions = actionsNamed(service, asked)
  if (actions.length > 0) return { actions }
  const close = guesses.left-- > 0 ? closest(service, asked) : undefined
  const hint = close === undefined ? '' : `. Did you mean ${close}?`
  const message = WILDCARD.test(asked)
    ? `"${name}" matches no action of ${prefix}`
    : `There is no action ${name}${hint}`
  return { actions, remark: { severity: 'ERROR', code: 'UnknownAction', message } }
}

function actionsNamed({ actions }: ServiceFacts, asked: string): readonly ActionFacts[] {
  const lower = asked.toLowerCase()
  if (!WILDCARD.test(lower)) return [actions.get(lower)].filter((found) => found !== undefined)
  if (/^\*+$/.test(lower)) return [...actions.values()]
  const matches = likePattern(lower, { variables: false, whenUnresolved: false })
  return [...actions].filter(([name]) => matches(name, NO_CONTEXT)).map(([, found]) => found)
}

/** The action of the service that is spelled most alike, if one is alike at all. */
function closest({ actions }: ServiceFacts, asked: string): string | undefined {
  const lower = asked.toLowerCase()
  if (WILDCARD.test(lower) || lower.length > 100) return undefined
  let best: { readonly name: string; readonly distance: number } | undefined
  for (const [name, { name: spelled }] of actions) {
    if (Math.abs(name.length - lower.length) > 3) continue
    const distance = editDistance(name, lower)
    if (distance <= 3 && (best === undefined || distance < best.distance)) best = { name: spelled, distance }
  }
  return best?.name
}

function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, j) => j)
  for (let i = 1; i <= one.length; i++) {
    const next = [i]
    for (let j = 1; j <= other.length; j++) {
      const change = one[i - 1] === other[j - 1] ? 0 : 1
      next.push(
        Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, (row[j - 1] as number) + change),
      )
    }
    row = next
  }
  return row[other.length] as number
}

/** Resources that none of the actions takes, and actions that take none of the resources. */
function lintResources(
  { action, resource }: Statement,
  view: StatementView,
  named: readonly Named[],
): readonly Remark[] {
  if (action.negated || resource === undefined || resource.negated) return []
  const asked = resource.names.map(comparable)
  if (asked.some((form) => form === '*')) return []
  if (named.some(({ actions }) => actions === undefined)) return []
  const known = named.filter(({ actions }) => (actions ?? []).length > 0)
  const forms = [...new Set(known.flatMap(({ actions }) => (actions ?? []).flatMap((one) => one.resources)))]
  if (known.length === 0 || forms.length * asked.length > MAX_COMPARISONS) return []
  const fits = new Map(forms.map((form) => [form, asked.map((one) => arnsOverlap(one, form))]))
  const remarks: Remark[] = []
  const element = `${view.path}.Resource`
  const isTaken = (index: number): boolean => forms.some((form) => fits.get(form)?.[index] === true)
  const names = known.map(({ name }) => name).join(', ')
  for (const [index, name] of resource.names.entries()) {
    // Said once, at the action.
    if (isTaken(index) || forms.length === 0) continue
    const path = `${element}[${index}]`
    const message = `None of ${shortened(names)} can be about "${shortened(name)}"`
    remarks.push({ severity: 'WARNING', code: 'UnsupportedResource', message, path })
  }
  const useless = known.filter(
    ({ actions }) =>
      !(actions ?? []).some((one) => one.resources.some((form) => fits.get(form)?.includes(true))),
  )
  // The reference leaves out resources that some actions do take: only a resource of another kind is certain.
  if (useless.length === known.length && useless.every(isAboutResources)) {
    const message = 'The statement never applies: its actions are about none of its resources'
    return [...remarks, { severity: 'ERROR', code: 'NeverMatches', message, path: view.path }]
  }
  for (const { name, path, actions } of useless) {
    const takes = (actions ?? []).flatMap((one) => one.resources)
    const message =
      takes.length === 0
        ? `${name} is about no resource in AWS's reference: where that is complete, it can be allowed or denied on "*" only`
        : `${name} is about none of the statement's resources, but about ${shortened([...new Set(takes)].map((form) => `arn:*:${form}`).join(' or '))}`
    const severity = takes.length === 0 ? 'SUGGESTION' : 'WARNING'
    remarks.push({ severity, code: 'ActionWithoutResource', message, path })
  }
  return remarks
}

const isAboutResources = ({ actions }: Named): boolean =>
  (actions ?? []).some(({ resources }) => resources.length > 0)

/** A resource as the reference writes forms: behind the partition, variables as stars. `*` alone is everything. */
function comparable(name: string): string {
  const open = withVariablesAs(name, '*')
  return /^\*+$/.test(open) ? '*' : open.split(':').slice(2).join(':').replaceAll(/\*+/g, '*')
}

const shortened = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)}…` : text)
