import { isJsonObject, readJson } from './json.ts'
import type { JsonObject, JsonValue } from './json.ts'
import { parseOperator } from './operators.ts'
import { parsePrincipal } from './parse-principal.ts'
import type {
  Chosen,
  Condition,
  Effect,
  Policy,
  PolicyKind,
  PolicyVersion,
  PrincipalSet,
  Statement,
} from './policy.ts'
import { PolicySyntaxError } from './syntax-error.ts'

export { PolicySyntaxError } from './syntax-error.ts'

/** AWS's size limits, in characters as countedSize counts them (IAM User Guide, "IAM and AWS STS quotas"). */
export const MANAGED_POLICY_LIMIT = 6_144
/** All inline policies of one user together. */
export const USER_INLINE_LIMIT = 2_048
/** All inline policies of one role together. */
export const ROLE_INLINE_LIMIT = 10_240
/** All inline policies of one group together. */
export const GROUP_INLINE_LIMIT = 5_120
/** A trust policy, unless the account's quota is raised. */
export const TRUST_POLICY_LIMIT = 2_048
/** A session policy passed to sts:AssumeRole and its like. */
export const SESSION_POLICY_LIMIT = 2_048

const SYNTAX = 'Syntax errors in policy.'
const TOP_ELEMENTS: ReadonlySet<string> = new Set(['Version', 'Id', 'Statement'])
const STATEMENT_ELEMENTS: ReadonlySet<string> = new Set([
  'Sid',
  'Effect',
  'Principal',
  'NotPrincipal',
  'Action',
  'NotAction',
  'Resource',
  'NotResource',
  'Condition',
])
const PARTITION = /^(?:aws(?:-cn|-us-gov)?|[a-z*?-]*[*?][a-z*?-]*)$/
const VENDOR = /^[A-Za-z0-9.-]+$/
const SID = /^[0-9A-Za-z]*$/
/** What the resource part of an IAM ARN may start with (recorded from AWS by moto; `root` is what sts:AssumeRoot takes). */
const IAM_PATHS = [
  'user/',
  'federated-user/',
  'role/',
  'group/',
  'instance-profile/',
  'mfa/',
  'server-certificate/',
  'policy/',
  'sms-mfa/',
  'saml-provider/',
  'oidc-provider/',
  'report/',
  'access-report/',
]
/** Resources that IAM got since; AWS's message was recorded before them. */
const LATER_IAM_PATHS = ['delegation-request/']

/** The size AWS compares with its limits: blanks between the tokens do not count, blanks inside strings do. */
export function countedSize(text: string): number {
  let size = 0
  let isInString = false
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!
    if (isInString) {
      size++
      if (char === '\\' && i + 1 < text.length) {
        size++
        i++
      } else if (char === '"') isInString = false
    } else if (char !== ' ' && char !== '\n' && char !== '\r' && char !== '\t') {
      size++
      isInString = char === '"'
    }
  }
  return size
}

/**
 * Reads a policy document by AWS's grammar and refuses whatever it does not know, so that nothing written is ever
 * silently ignored. Sizes are not checked here but for a bound on what is read at all: see the limits above.
 * @throws PolicySyntaxError, and nothing else, in the words of AWS's MalformedPolicyDocument
 */
export function parsePolicy(text: string, kind: PolicyKind): Policy {
  const document = readJson(text)
  if (!isJsonObject(document)) throw new PolicySyntaxError(SYNTAX, '', 'the document is not an object')
  for (const name of document.keys()) {
    if (!TOP_ELEMENTS.has(name)) throw unknownElement(kind, name, name)
  }
  const version = parseVersion(document.get('Version'))
  const id = document.get('Id')
  if (id !== undefined && typeof id !== 'string') throw new PolicySyntaxError(SYNTAX, 'Id', 'not a string')
  const written = document.get('Statement')
  const list: readonly (readonly [JsonValue, string])[] = Array.isArray(written)
    ? written.map((value: JsonValue, index) => [value, `Statement[${index}]`] as const)
    : written === undefined
      ? []
      : [[written, 'Statement']]
  if (list.length === 0) throw new PolicySyntaxError(SYNTAX, 'Statement', 'no statement')
  const statements = list.map(([value, path], index) => parseStatement(value, path, index, kind))
  refuseRepeatedSids(statements)
  return { kind, version, id, statements }
}

function parseVersion(written: JsonValue | undefined): PolicyVersion {
  if (written === undefined) return '2008-10-17'
  if (written !== '2008-10-17' && written !== '2012-10-17') {
    throw new PolicySyntaxError(SYNTAX, 'Version', 'neither "2012-10-17" nor "2008-10-17"')
  }
  return written
}

function refuseRepeatedSids(statements: readonly Statement[]): void {
  const seen = new Set<string>()
  for (const { sid, index } of statements) {
    if (sid === undefined || sid === '') continue
    if (seen.has(sid)) {
      const message = 'Statement IDs (SID) in a single policy must be unique.'
      throw new PolicySyntaxError(message, `Statement[${index}].Sid`, `"${sid}" a second time`)
    }
    seen.add(sid)
  }
}

function parseStatement(value: JsonValue, path: string, index: number, kind: PolicyKind): Statement {
  if (!isJsonObject(value)) throw new PolicySyntaxError(SYNTAX, path, 'the statement is not an object')
  for (const name of value.keys()) {
    if (!STATEMENT_ELEMENTS.has(name)) throw unknownElement(kind, name, `${path}.${name}`)
  }
  return {
    index,
    sid: parseSid(value.get('Sid'), path, kind),
    effect: parseEffect(value.get('Effect'), path),
    principal: choosePrincipal(value, path, kind),
    action: chooseAction(value, path, kind),
    resource: chooseResource(value, path, kind),
    conditions: parseConditions(value.get('Condition'), `${path}.Condition`),
  }
}

function unknownElement(kind: PolicyKind, name: string, path: string): PolicySyntaxError {
  const message = kind === 'trust' ? `Unknown field ${name}` : SYNTAX
  return new PolicySyntaxError(message, path, `the grammar has no element "${name}" here`)
}

function parseSid(written: JsonValue | undefined, path: string, kind: PolicyKind): string | undefined {
  if (written === undefined) return undefined
  if (typeof written !== 'string') throw new PolicySyntaxError(SYNTAX, `${path}.Sid`, 'not a string')
  const isFree = kind === 'resource' || kind === 'vault'
  if (!isFree && !SID.test(written)) {
    const message =
      'Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*'
    throw new PolicySyntaxError(message, `${path}.Sid`, `"${written}"`)
  }
  return written
}

function parseEffect(written: JsonValue | undefined, path: string): Effect {
  if (written === 'Allow' || written === 'Deny') return written
  if (written === undefined) throw new PolicySyntaxError('Missing required field Effect', path, 'no Effect')
  throw new PolicySyntaxError(SYNTAX, `${path}.Effect`, 'neither "Allow" nor "Deny"')
}

/** The one of two elements that is there, with its value; refuses both at once. */
function chooseElement(
  statement: JsonObject,
  path: string,
  name: string,
): { readonly negated: boolean; readonly value: JsonValue; readonly path: string } | undefined {
  const not = `Not${name}`
  const value = statement.get(name)
  const excluded = statement.get(not)
  if (value !== undefined && excluded !== undefined) {
    throw new PolicySyntaxError(SYNTAX, path, `both ${name} and ${not}`)
  }
  if (value !== undefined) return { negated: false, value, path: `${path}.${name}` }
  return excluded === undefined ? undefined : { negated: true, value: excluded, path: `${path}.${not}` }
}

function choosePrincipal(
  statement: JsonObject,
  path: string,
  kind: PolicyKind,
): Chosen<PrincipalSet> | undefined {
  const chosen = chooseElement(statement, path, 'Principal')
  if (kind === 'identity' || kind === 'session') {
    if (chosen === undefined) return undefined
    throw new PolicySyntaxError(
      'Policy document should not specify a principal.',
      chosen.path,
      `a ${kind} policy`,
    )
  }
  if (chosen === undefined) {
    throw new PolicySyntaxError(
      'Missing required field Principal',
      path,
      `a ${kind} policy names whom it is about`,
    )
  }
  if (kind === 'trust' && chosen.negated) {
    throw new PolicySyntaxError('Has prohibited field NotPrincipal', chosen.path, 'a trust policy')
  }
  return { negated: chosen.negated, names: parsePrincipal(chosen.value, chosen.path) }
}

function chooseAction(statement: JsonObject, path: string, kind: PolicyKind): Chosen<readonly string[]> {
  const chosen = chooseElement(statement, path, 'Action')
  const names = chosen === undefined ? [] : readStrings(chosen.value, chosen.path)
  if (chosen === undefined || names.length === 0) {
    const message =
      kind === 'trust' ? 'Missing required field Action' : 'Policy statement must contain actions.'
    throw new PolicySyntaxError(message, chosen?.path ?? path, 'no action')
  }
  if (kind === 'trust' && chosen.negated) {
    throw new PolicySyntaxError('Has prohibited field NotAction', chosen.path, 'a trust policy')
  }
  for (const name of names) checkAction(name, chosen.path, kind)
  return { negated: chosen.negated, names }
}

function checkAction(name: string, path: string, kind: PolicyKind): void {
  const parts = name.split(':')
  const vendor = parts[0]!
  if (kind === 'trust' && (vendor.toLowerCase() !== 'sts' || parts.length !== 2)) {
    throw new PolicySyntaxError(
      'AssumeRole policy may only specify STS AssumeRole actions.',
      path,
      `"${name}"`,
    )
  }
  if (kind === 'vault' && /[*?]/.test(name)) {
    const message = 'Wildcards are not allowed in the Action of a backup vault access policy.'
    throw new PolicySyntaxError(message, path, `"${name}"`)
  }
  if (name === '*') return
  if (parts.length === 1) {
    const message = 'Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.'
    throw new PolicySyntaxError(message, path, `"${name}"`)
  }
  if (parts.length > 2) {
    throw new PolicySyntaxError('Actions/Condition can contain only one colon.', path, `"${name}"`)
  }
  if (vendor !== '*' && !VENDOR.test(vendor)) {
    throw new PolicySyntaxError(`Vendor ${vendor} is not valid`, path, `"${name}"`)
  }
}

function chooseResource(
  statement: JsonObject,
  path: string,
  kind: PolicyKind,
): Chosen<readonly string[]> | undefined {
  const chosen = chooseElement(statement, path, 'Resource')
  if (kind === 'trust') {
    if (chosen === undefined) return undefined
    const name = chosen.negated ? 'NotResource' : 'Resource'
    throw new PolicySyntaxError(
      `Has prohibited field ${name}`,
      chosen.path,
      'a trust policy is about its own role',
    )
  }
  const names = chosen === undefined ? [] : readStrings(chosen.value, chosen.path)
  if (chosen === undefined || names.length === 0) {
    throw new PolicySyntaxError(
      'Policy statement must contain resources.',
      chosen?.path ?? path,
      'no resource',
    )
  }
  for (const name of names) checkResource(name, chosen.path)
  return { negated: chosen.negated, names }
}

function checkResource(name: string, path: string): void {
  if (name === '*') return
  const refuse = (message: string): never => {
    throw new PolicySyntaxError(message, path, `"${name}"`)
  }
  const segments = name.split(':')
  if (segments[0] !== 'arn' || segments.length < 2)
    return refuse(`Resource ${name} must be in ARN format or "*".`)
  const partition = segments[1]!
  if (!PARTITION.test(partition)) {
    const rest = [
      segments[2] ?? '*',
      segments[3] ?? '*',
      segments[4] ?? '*',
      segments.slice(5).join(':') || '*',
    ]
    refuse(`Partition "${partition}" is not valid for resource "arn:${partition}:${rest.join(':')}".`)
  }
  const service = segments[2]
  if (service === undefined || !VENDOR.test(service)) {
    refuse('Resource vendor must be fully qualified and cannot contain regexes.')
  }
  if (service !== 'iam' || segments.length < 6) return
  const [region, resource] = [segments[3], segments.slice(5).join(':')]
  if (region !== '' && region !== '*') refuse(`IAM resource ${name} cannot contain region information.`)
  if (
    resource !== '*' &&
    resource !== 'root' &&
    ![...IAM_PATHS, ...LATER_IAM_PATHS].some((start) => resource.startsWith(start))
  ) {
    refuse(`IAM resource path must either be "*" or start with ${IAM_PATHS.join(', ')}.`)
  }
}

function parseConditions(written: JsonValue | undefined, path: string): readonly Condition[] {
  if (written === undefined) return []
  if (!isJsonObject(written)) throw new PolicySyntaxError(SYNTAX, path, 'not an object')
  const conditions: Condition[] = []
  for (const [name, block] of written) {
    const inner = `${path}.${name}`
    const operator = parseOperator(name)
    if (operator === undefined) {
      throw new PolicySyntaxError(
        `Invalid Condition type : ${name}.`,
        inner,
        'an operator the grammar does not have',
      )
    }
    if (!isJsonObject(block)) throw new PolicySyntaxError(SYNTAX, inner, 'not an object')
    for (const [key, value] of block) {
      if (key === '') throw new PolicySyntaxError(SYNTAX, inner, 'a condition key without a name')
      conditions.push({ operator, key, values: readValues(value, `${inner}.${key}`) })
    }
  }
  return conditions
}

function readStrings(value: JsonValue, path: string): readonly string[] {
  if (typeof value === 'string') return [value]
  if (!Array.isArray(value))
    throw new PolicySyntaxError(SYNTAX, path, 'neither a string nor a list of strings')
  return value.map((item: JsonValue, index) => {
    if (typeof item === 'string') return item
    throw new PolicySyntaxError(SYNTAX, `${path}[${index}]`, 'not a string')
  })
}

/** Condition values: AWS's own managed policies write booleans and numbers without quotes. */
function readValues(value: JsonValue, path: string): readonly string[] {
  const list: readonly JsonValue[] = Array.isArray(value) ? value : [value]
  return list.map((item, index) => {
    if (typeof item === 'string') return item
    if (typeof item === 'boolean' || typeof item === 'number') return String(item)
    const where = Array.isArray(value) ? `${path}[${index}]` : path
    throw new PolicySyntaxError(SYNTAX, where, 'neither a string, a number nor a boolean')
  })
}
