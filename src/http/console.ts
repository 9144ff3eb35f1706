import { existsSync, readFileSync, readdirSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { isIP } from 'node:net'
import { extname, join, relative, sep } from 'node:path'

/**
 * The built console: files that anybody may read, and nothing else. All that it shows it asks the API for, signed by whoever uses it.
 */

/** Below it lie the pages and their files; AWS's own paths never begin so. */
const BASE = '/console/'

/** What the page must know before somebody signs in. */
export interface ConsoleFacts {
  readonly regions: readonly string[]
}

interface Built {
  readonly content: Buffer
  readonly type: string
  /** By content coding. */
  readonly compressed: ReadonlyMap<string, Buffer>
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.woff': 'font/woff',
}

/** The best first. */
const CODINGS = [
  ['br', '.br'],
  ['gzip', '.gz'],
] as const

/**
 * Scripts, styles and fonts from this origin, no inline script, no frame around it, no form that leaves. Style attributes are allowed,
 * since the components position themselves by them.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "style-src-attr 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "worker-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
}

export class Console {
  readonly #files: ReadonlyMap<string, Built>
  readonly #facts: ConsoleFacts
  readonly #hosts: ReadonlySet<string>

  /**
   * @param folder What the launcher built of console/; the server runs without it, too.
   * @param hostNames By which browsers may reach it, beside addresses and localhost: a page under another name is another site's, whose
   *   name was pointed here (DNS rebinding).
   */
  constructor(folder: string, facts: ConsoleFacts, hostNames: readonly string[]) {
    this.#files = readBuilt(folder)
    this.#facts = facts
    this.#hosts = new Set(['localhost', ...hostNames.map((name) => name.toLowerCase())])
  }

  /** Answers what is a page's request. @returns False where it is the API's. */
  answer(request: IncomingMessage, response: ServerResponse): boolean {
    if (request.method !== 'GET' && request.method !== 'HEAD') return false
    const path = (request.url ?? '/').split('?')[0] as string
    const isRoot = path === '/' && isFromBrowser(request)
    if (!isRoot && path !== '/console' && !path.startsWith(BASE)) return false
    if (!this.#isHostAllowed(request.headers.host)) {
      const hint = 'Reach it by its address or as localhost, or start the server with --host-name NAME.'
      send(
        request,
        response,
        421,
        text(`This server's console is not at ${clean(request.headers.host)}. ${hint}`),
      )
    } else if (isRoot || path === '/console') {
      response.writeHead(302, { ...HEADERS, location: BASE, 'content-length': 0 }).end()
    } else this.#file(request, response, path.slice(BASE.length))
    return true
  }

  #file(request: IncomingMessage, response: ServerResponse, name: string): void {
    if (name === 'server.json') {
      const content = Buffer.from(JSON.stringify(this.#facts))
      return send(request, response, 200, { content, type: 'application/json', compressed: new Map() })
    }
    const page = this.#files.get('index.html')
    if (page === undefined) {
      const hint = 'Start the server with "./roleback serve": the launcher builds it where it is missing.'
      return send(request, response, 503, text(`The console was not built. ${hint}`))
    }
    const file = this.#files.get(name)
    // Pages have no extension: each is the same document, which reads its own address.
    if (file === undefined && extname(name) !== '') return send(request, response, 404, text('No such file.'))
    const isForever = file !== undefined && name.startsWith('assets/')
    const caching = isForever ? 'public, max-age=31536000, immutable' : 'no-cache'
    send(request, response, 200, file ?? page, { 'cache-control': caching })
  }

  #isHostAllowed(host: string | undefined): boolean {
    const name = (host ?? '').replace(/:\d+$/, '').toLowerCase()
    return isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0 || this.#hosts.has(name)
  }
}

/** Clients of the API send no such thing to `/`. */
function isFromBrowser({ headers }: IncomingMessage): boolean {
  return headers.authorization === undefined && headers.accept?.includes('text/html') === true
}

function readBuilt(folder: string): ReadonlyMap<string, Built> {
  const files = new Map<string, Built>()
  if (!existsSync(join(folder, 'index.html'))) return files
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const type = TYPES[extname(entry.name)]
    if (!entry.isFile() || type === undefined) continue
    const file = join(entry.parentPath, entry.name)
    const compressed = CODINGS.filter(([, suffix]) => existsSync(file + suffix)).map(
      ([coding, suffix]) => [coding, readFileSync(file + suffix)] as const,
    )
    const name = relative(folder, file).split(sep).join('/')
    files.set(name, { content: readFileSync(file), type, compressed: new Map(compressed) })
  }
  return files
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  { content, type, compressed }: Built,
  more: Readonly<Record<string, string>> = { 'cache-control': 'no-store' },
): void {
  const accepted = String(request.headers['accept-encoding'] ?? '').split(/\s*,\s*/)
  const coding = CODINGS.map(([name]) => name).find((name) => compressed.has(name) && accepted.includes(name))
  const body = coding === undefined ? content : (compressed.get(coding) as Buffer)
  response.writeHead(status, {
    ...HEADERS,
    ...more,
    'content-type': type,
    'content-length': body.length,
    ...(compressed.size > 0 && { vary: 'accept-encoding' }),
    ...(coding !== undefined && { 'content-encoding': coding }),
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

function text(sentence: string): Built {
  return { content: Buffer.from(`${sentence}\n`), type: 'text/plain; charset=utf-8', compressed: new Map() }
}

/** Said back to whoever sent it, as nothing but a name. */
function clean(host: string | undefined): string {
  return (host ?? '').replaceAll(/[^\w.:[\]-]/g, '').slice(0, 253)
}
