import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'
import type { SMTPServerOptions } from 'smtp-server'

/** A mail server on a free port of 127.0.0.1 that keeps what it is sent. */

export interface TakenMail {
  readonly from: string
  readonly to: readonly string[]
  /** As it came: header, empty line, body. */
  readonly text: string
  readonly isSecure: boolean
  readonly user: string | undefined
}

export interface MailServer {
  /** `127.0.0.1:PORT`. */
  readonly place: string
  readonly port: number
  readonly taken: TakenMail[]
  /** The answers to the next mails; it takes those behind them. */
  readonly answers: number[]
  /** A mail with one of these in it is refused for good, as a filter does. */
  readonly refused: string[]
  stop(): Promise<void>
}

/** @param options Its certificate, whether TLS begins at once. The password `right` is taken, from whoever says it. */
export async function startMailServer(options: SMTPServerOptions): Promise<MailServer> {
  const taken: TakenMail[] = []
  const answers: number[] = []
  const refused: string[] = []
  const server = new SMTPServer({
    logger: false,
    authOptional: true,
    ...options,
    onAuth: ({ username, password }, _session, done) => {
      if (password === 'right') done(null, { user: username })
      else done(new Error('no'))
    },
    onData: (stream, session, done) => {
      const parts: Buffer[] = []
      stream.on('data', (part: Buffer) => parts.push(part))
      stream.on('end', () => {
        const text = Buffer.concat(parts).toString()
        const status = refused.some((one) => text.includes(one)) ? 554 : answers.shift()
        if (status !== undefined) return done(Object.assign(new Error('not now'), { responseCode: status }))
        const { mailFrom, rcptTo } = session.envelope
        taken.push({
          from: mailFrom === false ? '' : (mailFrom?.address ?? ''),
          to: rcptTo.map(({ address }) => address),
          text,
          isSecure: session.secure,
          user: typeof session.user === 'string' ? session.user : undefined,
        })
        done()
      })
    },
  })
  // A client that breaks off has its reasons, and its test looks at them.
  server.on('error', () => undefined)
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.server.address() as AddressInfo
  return {
    place: `127.0.0.1:${port}`,
    port,
    taken,
    answers,
    refused,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  }
}
