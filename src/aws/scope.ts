import { queryOf } from './sigv4.ts'
import { headerOf } from './wire.ts'
import type { WireRequest } from './wire.ts'

/** The signing name of a request before anything is checked: which service's errors to speak. */
export function scopeOf(request: WireRequest): string | undefined {
  return credentialOf(request)?.at(-2)
}

/** The region that a request says it is signed for, before anything is checked. */
export function regionScopeOf(request: WireRequest): string | undefined {
  return credentialOf(request)?.at(-3)
}

function credentialOf(request: WireRequest): readonly string[] | undefined {
  const authorization = headerOf(request, 'authorization')
  const credential =
    authorization === undefined
      ? queryOf(request).get('X-Amz-Credential')
      : /Credential=([^,\s]+)/.exec(authorization)?.[1]
  return credential?.split('/')
}
