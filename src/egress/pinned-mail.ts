import { isIP } from 'node:net'
import { checkServerIdentity } from 'node:tls'
import { createTransport } from 'nodemailer'
import { isLoopbackAddress } from './addresses.ts'
import { bareHost, EgressError, pin, portOf, withinTime } from './pinned-request.ts'
import type { PlaceRules, Reach } from './pinned-request.ts'

/**
 * Mail of the server over SMTP servers that users name: to an address that was looked up once and judged, and under TLS that is
 * verified: from the start (`smtps:`), or by STARTTLS before anything else is said (`smtp:`). Only on loopback, which the operator
 * has to name, is `smtp:` spoken in the clear, where no authority is given.
 */

export interface PinnedMail extends PlaceRules {
  /** `smtps://HOST[:465]` or `smtp://HOST[:587]`. */
  readonly url: URL
  readonly credentials: { readonly user: string; readonly password: string } | undefined
  /** PEM of the authority that signs the server's certificate; undefined: those that this host trusts. */
  readonly authority: string | undefined
  readonly mail: Mail
  /** For everything from the lookup of the name to the server's last word. */
  readonly timeoutMs: number
}

export interface Mail {
  readonly from: string
  readonly to: readonly string[]
  readonly subject: string
  readonly text: string
  readonly messageId: string
  readonly headers: Readonly<Record<string, string>>
}

/** The server was reached and did not take the mail. */
export class MailRefusedError extends Error {
  override name = 'MailRefusedError'
  /** True where it will never take this mail as it is; false where it may later, or with other credentials. */
  readonly isForGood: boolean

  constructor(message: string, options: { readonly isForGood: boolean; readonly cause: unknown }) {
    super(message, { cause: options.cause })
    this.isForGood = options.isForGood
  }
}

/** @throws {EgressError} It was not reached, or may not be. @throws {MailRefusedError} */
export async function sendPinnedMail(reach: Reach, asked: PinnedMail): Promise<void> {
  const { url, authority, credentials, mail, timeoutMs } = asked
  const signal = AbortSignal.timeout(timeoutMs)
  const address = await withinTime(pin(reach, url, asked), signal, url)
  const host = bareHost(url)
  const isClear = url.protocol === 'smtp:' && authority === undefined && isLoopbackAddress(address)
  const transport = createTransport({
    host: address,
    port: portOf(url),
    secure: url.protocol === 'smtps:',
    requireTLS: !isClear,
    ignoreTLS: isClear,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    ...(credentials !== undefined && { auth: { user: credentials.user, pass: credentials.password } }),
    tls: {
      minVersion: 'TLSv1.2',
      ...(isIP(host) === 0 && { servername: host }),
      // By the name that was asked for, whatever address it has.
      checkServerIdentity: (_, certificate) => checkServerIdentity(host, certificate),
      ...(authority !== undefined && { ca: authority }),
    },
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  try {
    const { rejected } = await transport.sendMail({ ...mail, to: [...mail.to], signal })
    // It took it for some: those have it, and would have it twice.
    if ((rejected ?? []).length === mail.to.length)
      throw new MailRefusedError('it took it for none of the recipients', {
        isForGood: false,
        cause: undefined,
      })
  } catch (error) {
    throw signal.aborted ? new EgressError(`${url.host} did not answer in time`) : asMailError(url, error)
  } finally {
    transport.close()
  }
}

/** What a server answers is a stranger's text: its status and the step tell enough. */
function asMailError(url: URL, error: unknown): EgressError | MailRefusedError {
  if (error instanceof MailRefusedError) return error
  const { code, responseCode, message } = error as { code?: string; responseCode?: number; message: string }
  const status = responseCode === undefined ? '' : ` with status ${responseCode}`
  if (code === 'EAUTH')
    return new MailRefusedError(`it refused the user name and password${status}`, {
      isForGood: false,
      cause: error,
    })
  if (code === 'EENVELOPE' || code === 'EMESSAGE')
    return new MailRefusedError(
      `it refused the ${code === 'EMESSAGE' ? 'mail' : 'sender or the recipients'}${status}`,
      { isForGood: (responseCode ?? 0) >= 500, cause: error },
    )
  if (responseCode !== undefined)
    return new MailRefusedError(
      code === 'ETLS' || code === 'ECONNECTION' ? `it does not speak TLS${status}` : `it broke off${status}`,
      { isForGood: false, cause: error },
    )
  return new EgressError(`Cannot reach ${url.host}: ${message}`, { cause: error })
}
