import { AwsError } from '../aws/error.ts'
import { SERVICE_NAMES, modelOf } from '../aws/model.ts'
import type { ServiceModel, ServiceName } from '../aws/model.ts'
import { route } from '../aws/route.ts'
import { decode, headerOf, splitTarget } from '../aws/wire.ts'
import type { Routed, WireRequest } from '../aws/wire.ts'

/** Passwords and identity tokens are short; strangers get nothing longer parsed, in bytes. */
const MAX_UNSIGNED_BODY_BYTES = 64 * 1024

type Entries = Readonly<Record<string, object | undefined>>

/** Whether a service's table says that anybody may call the operation. */
export function isUnsigned(table: object, operation: string): boolean {
  const entry = (table as Entries)[operation]
  return entry !== undefined && 'unsigned' in entry
}

/**
 * The operation of a request without a signature, if it is one that needs none. The protocols' own marks (`Action`, `X-Amz-Target`)
 * name it, for there is no credential scope that would say which service is meant. Undefined for every other request.
 */
export function routeUnsigned(
  tables: Readonly<Record<ServiceName, object>>,
  request: WireRequest,
): Routed | undefined {
  if (isSigned(request) || request.body.length > MAX_UNSIGNED_BODY_BYTES) return undefined
  for (const name of SERVICE_NAMES) {
    if (!Object.keys(tables[name]).some((operation) => isUnsigned(tables[name], operation))) continue
    const routed = routeIfKnown(modelOf(name), request)
    if (routed !== undefined && isUnsigned(tables[name], routed.operation.name)) return routed
  }
  return undefined
}

/** Whether a request says that it is signed, rightly or not, in the header or in the query. */
function isSigned(request: WireRequest): boolean {
  if (headerOf(request, 'authorization') !== undefined) return true
  const names = splitTarget(request.rawTarget)
    .query.split('&')
    .map((pair) => decode(pair.split('=')[0] as string) ?? '')
  return names.some((name) => /^x-amz-(?:signature|credential|algorithm)$/i.test(name))
}

function routeIfKnown(model: ServiceModel, request: WireRequest): Routed | undefined {
  try {
    return route(model, request)
  } catch (error) {
    if (error instanceof AwsError) return undefined
    throw error
  }
}
