import type { WireRequest } from './wire.ts'

/** Requests as tests of signatures write them by hand. */

export const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
export const CREDENTIALS: Readonly<Record<'accessKeyId' | 'secretAccessKey', string>> = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: SECRET,
}
export const SCOPE = { region: 'us-east-1', service: 'iam' }
export const NOW: number = Date.parse('2015-08-30T12:36:00Z')

export function request(
  target: string,
  headers: Readonly<Record<string, string>> = {},
  body: string = '',
): WireRequest {
  return { method: 'GET', rawTarget: target, headers: Object.entries(headers), body: Buffer.from(body) }
}

export const PARTS =
  'Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=host;x-amz-date, Signature=ab12'
export const TIME = '20150830T123600Z'

export function withAuthorization(
  authorization: string,
  more: Readonly<Record<string, string>> = { 'x-amz-date': TIME },
): WireRequest {
  return request('/', { host: 'h', authorization, ...more })
}

const PRESIGNED: Readonly<Record<string, string>> = {
  'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
  'X-Amz-Credential': 'AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request',
  'X-Amz-Date': TIME,
  'X-Amz-Expires': '900',
  'X-Amz-SignedHeaders': 'host',
  'X-Amz-Signature': 'ab12',
}

export function presigned(
  changes: Readonly<Record<string, string | undefined>> = {},
  more: string = '',
): WireRequest {
  const pairs = Object.entries({ ...PRESIGNED, ...changes }).filter(([, value]) => value !== undefined)
  const query = pairs.map(([name, value]) => `${name}=${encodeURIComponent(value as string)}`).join('&')
  return request(`/?${query}${more}`, { host: 'h' })
}
