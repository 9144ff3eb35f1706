import type { IncomingMessage } from 'node:http'
import { throttled, tooLarge } from '../aws/faults.ts'
import type { ServiceModel } from '../aws/model.ts'
import { serviceSignedAs } from '../aws/model.ts'
import { scopeOf } from '../aws/scope.ts'
import { MAX_BODY_BYTES } from '../aws/wire.ts'
import type { WireRequest } from '../aws/wire.ts'

/** Nobody hears the answer, and nothing of ours failed: strangers must not fill the log with errors. */
export class ClientGoneError extends Error {
  override name = 'ClientGoneError'
}

/** A body up to this is always taken, in bytes: calls that are not about long policies are smaller. */
const SMALL_BYTES = 65_536
/** What is beyond that of all bodies under way, in bytes: whoever sends them has shown no signature yet. */
const MAX_PENDING_BYTES = 64 * MAX_BODY_BYTES

/** Takes requests as they come, each body whole, within limits for one and for all that are under way. */
export class RequestReader {
  #pendingBytes = 0

  /** @throws {ClientGoneError} @throws {AwsError} Where the body is too large, or there are too many large ones at the time. */
  async read(incoming: IncomingMessage): Promise<WireRequest> {
    const { body, size, isCrowdedOut } = await this.#body(incoming)
    const request = {
      method: incoming.method ?? '',
      rawTarget: incoming.url ?? '/',
      headers: headersOf(incoming),
      body,
    }
    if (size > MAX_BODY_BYTES) throw tooLarge(serviceOf(request), MAX_BODY_BYTES)
    if (isCrowdedOut) throw throttled(serviceOf(request))
    return request
  }

  async #body(
    incoming: IncomingMessage,
  ): Promise<{ readonly body: Buffer; readonly size: number; readonly isCrowdedOut: boolean }> {
    const chunks: Buffer[] = []
    let size = 0
    let pending = 0
    let isCrowdedOut = false
    try {
      for await (const chunk of incoming as AsyncIterable<Buffer>) {
        size += chunk.length
        // Read to the end all the same, so that the client hears the answer; nothing of it is kept.
        if (size > 64 * MAX_BODY_BYTES) incoming.destroy()
        if (size > MAX_BODY_BYTES || isCrowdedOut) continue
        const large = size > SMALL_BYTES ? chunk.length : 0
        isCrowdedOut = this.#pendingBytes + large > MAX_PENDING_BYTES
        if (isCrowdedOut) chunks.length = 0
        else {
          this.#pendingBytes += large
          pending += large
          chunks.push(chunk)
        }
      }
    } catch (cause) {
      throw new ClientGoneError('The client left before its request was whole', { cause })
    } finally {
      this.#pendingBytes -= pending
    }
    return { body: Buffer.concat(chunks), size, isCrowdedOut }
  }
}

function headersOf({ rawHeaders }: IncomingMessage): [string, string][] {
  const headers: [string, string][] = []
  for (let i = 0; i < rawHeaders.length; i += 2)
    headers.push([(rawHeaders[i] as string).toLowerCase(), rawHeaders[i + 1] as string])
  return headers
}

const serviceOf = (request: WireRequest): ServiceModel | undefined =>
  serviceSignedAs(scopeOf(request) ?? '', request.rawTarget)
