import { readFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { BackupApi } from './generated/backup.ts'
import type { IamApi } from './generated/iam.ts'
import type { IamToolboxApi } from './generated/iam-toolbox.ts'
import type { RolebackApi } from './generated/roleback.ts'
import type { StsApi } from './generated/sts.ts'
import type { TaggingApi } from './generated/tagging.ts'
import { modelOf } from './model.ts'
import type { OperationModel, ServiceName } from './model.ts'
import { readAnswer } from './read-answer.ts'
import type { ReceivedAnswer } from './read-answer.ts'
import { sign } from './sigv4.ts'
import type { WireRequest } from './wire.ts'
import { writeRequest } from './write-request.ts'

/** The operations of each service by name, each with its `input` and `output`. */
export interface Apis {
  readonly backup: BackupApi
  readonly iam: IamApi
  readonly 'iam-toolbox': IamToolboxApi
  readonly sts: StsApi
  readonly tagging: TaggingApi
  readonly roleback: RolebackApi
}

export type OperationOf<S extends ServiceName> = keyof Apis[S] & string

export type InputOf<S extends ServiceName, O extends OperationOf<S>> = Apis[S][O] extends {
  readonly input: infer Input
}
  ? Input
  : never

export type OutputOf<S extends ServiceName, O extends OperationOf<S>> = Apis[S][O] extends {
  readonly output: infer Output
}
  ? Output
  : never

export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
}

export interface CallOptions {
  /** PEM file of the authority that signed the server's certificate; the system's authorities when absent. */
  readonly caFile?: string | undefined
  readonly signal?: AbortSignal | undefined
  /** Told what an answer warns of that has no member for it. */
  readonly onWarning?: ((text: string) => void) | undefined
}

/** Calls one operation of the server that it was made for. */
export type Call = <S extends ServiceName, O extends OperationOf<S>>(
  service: S,
  operation: O,
  input: InputOf<S, O>,
  options?: Pick<CallOptions, 'signal'>,
) => Promise<OutputOf<S, O>>

/** An answer larger than this is given up, in bytes. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024

/** Binds endpoint, credentials and region: `call('backup', 'StartBackupJob', { … })`. */
export function callerOf(
  endpoint: string,
  credentials: Credentials | undefined,
  region: string,
  options: CallOptions = {},
): Call {
  return (service, operation, input, more = {}) =>
    callService(endpoint, credentials, region, service, operation, input, { ...options, ...more })
}

/**
 * Calls one operation, signed, and waits for its output. Never tries twice: whether that is right is the caller's to know.
 *
 * @param credentials Undefined for the few operations that are not signed.
 * @param endpoint `http://HOST:PORT` or `https://…`; a path in it is not used.
 * @throws {AwsError} The server's error with its code, status and message.
 * @throws {Error} When the server cannot be reached; `cause` is the system's error.
 */
export async function callService<S extends ServiceName, O extends OperationOf<S>>(
  endpoint: string,
  credentials: Credentials | undefined,
  region: string,
  service: S,
  operation: O,
  input: InputOf<S, O>,
  options: CallOptions = {},
): Promise<OutputOf<S, O>> {
  const model = modelOf(service)
  const operationModel = model.operations[operation] as OperationModel
  const url = new URL(endpoint)
  const request = writeRequest(model, operationModel, input, url.host)
  const scope = { region, service: model.metadata.signingName }
  const headers = credentials === undefined ? request.headers : sign(request, credentials, scope, Date.now())
  const received = await send(url, { ...request, headers }, options)
  const output = readAnswer(model, operationModel, received) as OutputOf<S, O>
  const warning = received.headers['x-roleback-warning']
  if (typeof warning === 'string' && !('Warnings' in (output as object)))
    options.onWarning?.(unescaped(warning))
  return output
}

/** The other side of withWarnings(). */
function unescaped(header: string): string {
  return header.replaceAll(/\\u\{([0-9a-f]{1,6})\}/g, (_, hex: string) =>
    String.fromCodePoint(Number.parseInt(hex, 16)),
  )
}

async function send(url: URL, request: WireRequest, options: CallOptions): Promise<ReceivedAnswer> {
  try {
    return await exchange(url, request, options)
  } catch (cause) {
    if (options.signal?.aborted === true) throw cause
    const found = cause instanceof Error && cause.message !== '' ? cause.message : String(cause)
    throw new Error(`Could not reach the server at ${url.origin}: ${found}`, { cause })
  }
}

function exchange(url: URL, request: WireRequest, options: CallOptions): Promise<ReceivedAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<ReceivedAnswer>()
  const isSecure = url.protocol === 'https:'
  const outgoing = (isSecure ? httpsRequest : httpRequest)(
    {
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? (isSecure ? 443 : 80) : Number(url.port),
      method: request.method,
      path: request.rawTarget,
      headers: { ...Object.fromEntries(request.headers), 'content-length': request.body.length },
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      ...(options.caFile === undefined ? {} : { ca: readFileSync(options.caFile) }),
    },
    (incoming) => {
      const chunks: Buffer[] = []
      let size = 0
      incoming.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > MAX_ANSWER_BYTES) incoming.destroy(new Error('its answer is too large'))
        else chunks.push(chunk)
      })
      incoming.on('error', reject)
      incoming.on('end', () => {
        const { statusCode: status = 0, headers } = incoming
        resolve({ status, headers, body: Buffer.concat(chunks) })
      })
    },
  )
  outgoing.on('error', reject)
  outgoing.end(request.body)
  return promise
}
