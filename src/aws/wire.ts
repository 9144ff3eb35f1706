import type { OperationModel, ServiceModel } from './model.ts'

/** A request as it came: nothing decoded, header names in lower case, in the order received. */
export interface WireRequest {
  readonly method: string
  /** Request target as sent: path and query, percent-encoding untouched. */
  readonly rawTarget: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer
}

export interface WireResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** A request with its operation found. */
export interface Routed {
  readonly model: ServiceModel
  readonly operation: OperationModel
  /** Values of `{labels}` in the path, decoded. */
  readonly labels: Readonly<Record<string, string>>
}

/** A body larger than this is refused before it is parsed, in bytes. */
export const MAX_BODY_BYTES: number = 1024 * 1024

export function headerOf(request: WireRequest, name: string): string | undefined {
  for (const [header, value] of request.headers) if (header === name) return value
  return undefined
}

export function splitTarget(rawTarget: string): { readonly path: string; readonly query: string } {
  const at = rawTarget.indexOf('?')
  return at < 0
    ? { path: rawTarget, query: '' }
    : { path: rawTarget.slice(0, at), query: rawTarget.slice(at + 1) }
}

/** Percent-decodes, or undefined where the encoding is broken. `+` stays: it is no space in AWS's queries. */
export function decode(text: string): string | undefined {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
