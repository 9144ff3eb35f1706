import { unknownOperation } from './faults.ts'
import type { OperationModel, ServiceModel } from './model.ts'
import { decode, headerOf, splitTarget } from './wire.ts'
import type { Routed, WireRequest } from './wire.ts'

/**
 * Names the operation of a request to a service: by method and raw path (rest-json), Action (query) or X-Amz-Target (json). Paths
 * are split before they are decoded, since ARNs travel in them with encoded slashes.
 *
 * @throws {AwsError} UnknownOperationException or InvalidAction.
 */
export function route(model: ServiceModel, request: WireRequest): Routed {
  switch (model.metadata.protocol) {
    case 'rest-json':
      return routeRest(model, request)
    case 'query':
      return routeQuery(model, request)
    case 'json':
      return routeTarget(model, request)
  }
}

/** What a client sent, as far as a message quotes it. */
function cut(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}

function routeQuery(model: ServiceModel, request: WireRequest): Routed {
  if (request.method !== 'POST' && request.method !== 'GET')
    throw unknownOperation(model, `${cut(request.method)} is not a method of this API`)
  const form = formOf(request)
  const action = form.get('Action')
  const operation = action === null ? undefined : operationNamed(model, action)
  if (operation === undefined) {
    throw unknownOperation(
      model,
      `Could not find operation ${cut(action ?? '(no Action)')} for version ${cut(form.get('Version') ?? model.metadata.apiVersion)}`,
    )
  }
  const version = form.get('Version')
  if (version !== null && version !== model.metadata.apiVersion) {
    throw unknownOperation(model, `Could not find operation ${action} for version ${cut(version)}`)
  }
  return { model, operation, labels: {} }
}

const forms = new WeakMap<WireRequest, URLSearchParams>()

/** Parameters of a query request: the body's, or the URL's where it is a GET (a plus sign in a URL means itself). */
export function formOf(request: WireRequest): URLSearchParams {
  let form = forms.get(request)
  if (form === undefined) {
    form = new URLSearchParams(
      request.method === 'GET'
        ? splitTarget(request.rawTarget).query.replaceAll('+', '%2B')
        : request.body.toString('utf8'),
    )
    forms.set(request, form)
  }
  return form
}

function routeTarget(model: ServiceModel, request: WireRequest): Routed {
  const target = headerOf(request, 'x-amz-target') ?? ''
  const [prefix, name, ...more] = target.split('.')
  const operation =
    request.method === 'POST' &&
    prefix === model.metadata.targetPrefix &&
    name !== undefined &&
    more.length === 0
      ? operationNamed(model, name)
      : undefined
  if (operation === undefined)
    throw unknownOperation(model, `Unknown operation: X-Amz-Target "${cut(target)}"`)
  return { model, operation, labels: {} }
}

function operationNamed(model: ServiceModel, name: string): OperationModel | undefined {
  return Object.hasOwn(model.operations, name) ? model.operations[name] : undefined
}

interface Path {
  readonly operation: OperationModel
  /** Literal segments as text, labels as objects. */
  readonly segments: readonly (string | { readonly label: string })[]
  /** A bare query key that tells this operation apart (`?delete`). */
  readonly flag: string | undefined
}

const tables = new WeakMap<ServiceModel, ReadonlyMap<string, readonly Path[]>>()

function routeRest(model: ServiceModel, request: WireRequest): Routed {
  const { path, query } = splitTarget(request.rawTarget)
  const segments = segmentsOf(path)
  if (segments === undefined)
    throw unknownOperation(model, `Unknown operation: ${cut(`${request.method} ${path}`)}`)
  const candidates = tableOf(model).get(`${request.method} ${segments.length}`) ?? []
  const flags = new Set(query.split('&').map((pair) => decode(pair.split('=')[0] as string)))
  for (const candidate of candidates) {
    if (candidate.flag !== undefined && !flags.has(candidate.flag)) continue
    const labels = matchLabels(candidate, segments)
    if (labels !== undefined) return { model, operation: candidate.operation, labels }
  }
  throw unknownOperation(model, `Unknown operation: ${cut(`${request.method} ${path}`)}`)
}

/**
 * The path's segments, undecoded; a slash at the end does not count. Undefined for what a signature's normalisation would change
 * (`.`, `..`, empty segments): the request routed must be the request signed.
 */
function segmentsOf(path: string): string[] | undefined {
  if (!path.startsWith('/')) return undefined
  const segments = path.slice(1).split('/')
  if (segments.at(-1) === '') segments.pop()
  return segments.some((segment) => segment === '' || segment === '.' || segment === '..')
    ? undefined
    : segments
}

function matchLabels(candidate: Path, segments: readonly string[]): Record<string, string> | undefined {
  const labels: Record<string, string> = Object.create(null) as Record<string, string>
  for (const [i, expected] of candidate.segments.entries()) {
    const text = decode(segments[i] as string)
    if (text === undefined || text === '') return undefined
    if (typeof expected === 'string') {
      if (text !== expected) return undefined
    } else labels[expected.label] = text
  }
  return labels
}

/** Paths by method and number of segments; literal segments and flags come first. */
function tableOf(model: ServiceModel): ReadonlyMap<string, readonly Path[]> {
  let table = tables.get(model)
  if (table === undefined) {
    table = buildTable(model)
    tables.set(model, table)
  }
  return table
}

function buildTable(model: ServiceModel): ReadonlyMap<string, readonly Path[]> {
  const table = new Map<string, Path[]>()
  for (const operation of Object.values(model.operations)) {
    const { path, query } = splitTarget(operation.http.requestUri)
    const segments = path
      .split('/')
      .filter((segment) => segment !== '')
      .map((segment) =>
        segment.startsWith('{') ? { label: segment.slice(1, -1).replace('+', '') } : segment,
      )
    const key = `${operation.http.method} ${segments.length}`
    const list = table.get(key) ?? []
    list.push({ operation, segments, flag: query === '' ? undefined : query })
    table.set(key, list)
  }
  for (const list of table.values()) list.sort((a, b) => weight(a) - weight(b))
  return table
}

/** Lower is more specific: a flag, then literals from the left. */
function weight(path: Path): number {
  const labels = path.segments.reduce<number>(
    (sum, segment) => sum * 2 + (typeof segment === 'string' ? 0 : 1),
    0,
  )
  return labels + (path.flag === undefined ? 1 << 10 : 0)
}
