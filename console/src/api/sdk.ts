import { sessionNow } from '../session/session.ts'
import type { RequestToSign } from '../session/sigv4.ts'
import { signedHeaders } from '../session/signed.ts'

/** How the AWS SDK's clients reach this server. The worker signs for them: they never see a secret. */

interface SdkRequest {
  method: string
  hostname: string
  port?: number
  path: string
  query?: Record<string, string | string[] | null>
  headers: Record<string, string>
  body?: string | Uint8Array
}

/** Set by the browser, or changed on the way: not signed. */
const UNSIGNED = new Set([
  'host',
  'content-length',
  'user-agent',
  'x-amz-user-agent',
  'amz-sdk-invocation-id',
  'amz-sdk-request',
])

/** The settings of a client for one service, by the name that it is signed for. */
export function configFor(service: string): {
  endpoint: string
  region: () => Promise<string>
  credentials: { accessKeyId: string; secretAccessKey: string }
  maxAttempts: number
  signer: () => Promise<{ sign: (request: SdkRequest) => Promise<SdkRequest> }>
} {
  const sign = async (request: SdkRequest): Promise<SdkRequest> => {
    const headers: Record<string, string> = {}
    for (const [name, value] of Object.entries(request.headers)) {
      if (!UNSIGNED.has(name.toLowerCase())) headers[name.toLowerCase()] = value
    }
    const toSign: RequestToSign = {
      method: request.method,
      host: location.host,
      path: request.path,
      query: request.query ?? {},
      headers,
      body: request.body ?? '',
    }
    request.headers = { ...headers, ...(await signedHeaders(toSign, service)) }
    return request
  }
  return {
    endpoint: location.origin,
    region: async () => await Promise.resolve(region()),
    // The signer has the real ones.
    credentials: { accessKeyId: 'in-the-worker', secretAccessKey: 'in-the-worker' },
    maxAttempts: 2,
    signer: async () => await Promise.resolve({ sign }),
  }
}

function region(): string {
  const session = sessionNow()
  return typeof session === 'object' ? session.region : 'us-east-1'
}
