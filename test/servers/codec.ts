import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answer, answerError } from '../../src/aws/answer.ts'
import { AwsError } from '../../src/aws/error.ts'
import { invalidToken } from '../../src/aws/faults.ts'
import { serviceSignedAs } from '../../src/aws/model.ts'
import type { ServiceModel } from '../../src/aws/model.ts'
import { parseInput } from '../../src/aws/parse-input.ts'
import { route } from '../../src/aws/route.ts'
import { scopeOf } from '../../src/aws/scope.ts'
import { readClaim, verifySignature } from '../../src/aws/sigv4.ts'
import type { WireRequest } from '../../src/aws/wire.ts'

/** A server that is nothing but the codec: it verifies, routes and parses, and answers what the test says. */
export interface CodecServer extends AsyncDisposable {
  readonly endpoint: string
  /** What came, newest last. */
  readonly seen: Seen[]
  /** Outputs by operation; an AwsError is thrown. An operation that is not here answers `{}`. */
  readonly outputs: Map<string, unknown>
}

export interface Seen {
  readonly service: string
  readonly operation: string
  readonly input: Readonly<Record<string, unknown>>
  readonly request: WireRequest
}

export const ACCESS_KEY_ID = 'AKIAIOSFODNN7EXAMPLE'
export const SECRET_ACCESS_KEY = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'

export async function startCodecServer(): Promise<CodecServer> {
  const seen: Seen[] = []
  const outputs = new Map<string, unknown>()
  const server = createServer({ keepAliveTimeout: 65_000 }, (incoming, response) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      const headers: [string, string][] = []
      for (let i = 0; i < incoming.rawHeaders.length; i += 2)
        headers.push([(incoming.rawHeaders[i] as string).toLowerCase(), incoming.rawHeaders[i + 1] as string])
      const request: WireRequest = {
        method: incoming.method ?? '',
        rawTarget: incoming.url ?? '',
        headers,
        body: Buffer.concat(chunks),
      }
      const model = serviceSignedAs(scopeOf(request) ?? '', request.rawTarget)
      const wire = respond(model, request, seen, outputs)
      response.writeHead(wire.status, wire.headers)
      response.end(wire.body)
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    outputs,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function respond(
  model: ServiceModel | undefined,
  request: WireRequest,
  seen: Seen[],
  outputs: ReadonlyMap<string, unknown>,
): ReturnType<typeof answer> {
  try {
    const claim = readClaim(model, request)
    if (model === undefined || claim.accessKeyId !== ACCESS_KEY_ID) throw invalidToken(model)
    const refusal = verifySignature(model, request, claim, SECRET_ACCESS_KEY, Date.now())
    if (refusal !== undefined) throw refusal
    const routed = route(model, request)
    const input = parseInput(routed, request) as Readonly<Record<string, unknown>>
    seen.push({ service: model.metadata.name, operation: routed.operation.name, input, request })
    const output = outputs.get(routed.operation.name) ?? {}
    if (output instanceof AwsError) throw output
    return answer(routed, output, 'REQUEST-1')
  } catch (error) {
    return answerError(
      model,
      error instanceof AwsError ? error : new AwsError('CodecBug', 500, String((error as Error).stack)),
      'REQUEST-1',
    )
  }
}
