import { SessionError, callWorker, sessionNow } from './session.ts'
import { prepare } from './sigv4.ts'
import type { RequestToSign } from './sigv4.ts'

/** The headers that sign a request for the session that there is. @throws {SessionError} When it ended. */
export async function signedHeaders(
  request: RequestToSign,
  service: string,
  now: number = Date.now(),
): Promise<Record<string, string>> {
  const session = sessionNow()
  if (session === undefined || session === 'unknown') {
    throw new SessionError('SessionEnded', 'The session ended. Sign in again')
  }
  const { region } = session
  const prepared = await prepare(request, { ...session, service }, now)
  const signature = await callWorker('sign', { ...prepared, region, service })
  return { ...prepared.headers, authorization: prepared.authorization + signature }
}
