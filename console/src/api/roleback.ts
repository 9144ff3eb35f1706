import type { RolebackApi } from './generated.ts'
import { signedHeaders } from '../session/signed.ts'

/** Our own API: JSON 1.1, times in seconds since 1970. */

/** An error of the API in AWS's form. */
export class ApiError extends Error {
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.name = code
    this.code = code
  }
}

export async function roleback<O extends keyof RolebackApi>(
  operation: O,
  input: RolebackApi[O]['input'],
  signal?: AbortSignal,
): Promise<RolebackApi[O]['output']> {
  return await callJson('roleback', `Roleback_20261101.${operation}`, input, signal)
}

/**
 * One call of a service that speaks JSON 1.1.
 * @param service The name that it is signed for.
 * @throws {ApiError} What the server refuses.
 */
export async function callJson<Output>(
  service: string,
  target: string,
  input: object,
  signal?: AbortSignal,
): Promise<Output> {
  const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target }
  const body = JSON.stringify(input)
  const request = { method: 'POST', host: location.host, path: '/', query: {}, headers, body }
  const signed = await signedHeaders(request, service)
  const response = await fetch('/', {
    method: 'POST',
    headers: { ...headers, ...signed },
    body,
    credentials: 'omit',
    redirect: 'error',
    ...(signal !== undefined && { signal }),
  })
  const answer = (await response.json()) as { readonly message?: string; readonly Message?: string }
  if (response.ok) return answer as Output
  const code = response.headers.get('x-amzn-errortype') ?? `HTTP ${response.status}`
  throw new ApiError(code, answer.message ?? answer.Message ?? code)
}

/** Every page of a list, up to `limit` rows. */
export async function allPages<T, P extends { readonly NextToken?: string | undefined }>(
  page: (token: string | undefined) => Promise<P>,
  rows: (page: P) => readonly T[] | undefined,
  limit: number,
): Promise<{ readonly rows: T[]; readonly isWhole: boolean }> {
  const found: T[] = []
  let token: string | undefined
  do {
    const answer = await page(token)
    found.push(...(rows(answer) ?? []))
    token = answer.NextToken
  } while (token !== undefined && found.length < limit)
  return { rows: found, isWhole: token === undefined }
}
