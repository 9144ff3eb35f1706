import { readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createSecureContext } from 'node:tls'
import type { ReadCacheSettings } from './blobs/read-cache.ts'
import type { KeySource } from './keyring/key-source.ts'
import { KeySourceError, parseKeySource } from './keyring/key-source.ts'
import type { LogFormat } from './lib/log.ts'
import type { StoreConfig } from './store/store.ts'
import type { StorageSettings } from './store/vaults/storages.ts'

/** How one server runs; made once from the command line and the environment, then frozen. */
export interface Config {
  readonly dataDir: string
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  /** Of the first start. */
  readonly region: string
  /** Further regions, and the directory that the vaults of each lie in. */
  readonly regionRoots: ReadonlyMap<string, string>
  /** By region: the directory that the cold storage of its vaults may lie in. */
  readonly coldRoots: ReadonlyMap<string, string>
  /** Only for the first start; a random one otherwise. */
  readonly accountId: string | undefined
  /** File with a PostgreSQL URL; SQLite in the data directory where absent. */
  readonly databaseUrlFile: string | undefined
  /** Where the server's key comes from; a file of the data directory where absent. */
  readonly serverKey: KeySource | undefined
  /** By name: where the encryption keys of vaults come from. */
  readonly encryptionKeys: ReadonlyMap<string, KeySource>
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined
  /** Names that browsers may reach the console by, beside localhost and addresses. */
  readonly hostNames: readonly string[]
  /** By which others reach the server, where it is not the address that it listens on; without a slash at its end. */
  readonly publicUrl: string | undefined
  readonly isInsecureHttpAllowed: boolean
  /** Directories that tenants may register and restore into. */
  readonly allowedRoots: readonly string[]
  readonly allowedEndpoints: readonly string[]
  /** Where new vaults lie; a directory in the data directory where absent. */
  readonly storage:
    | { readonly settings: Omit<StorageSettings, 'accessKeyId'>; readonly credentialsFile: string }
    | undefined
  /** Confirms a first start where vaults of an earlier server already lie. */
  readonly isNew: boolean
  readonly rootKey: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined
  readonly logFormat: LogFormat
  /** Backup and restore jobs that run at the same time. */
  readonly concurrentJobs: number
  /** A job whose worker has not been heard of for so long is taken over, in milliseconds. */
  readonly leaseMs: number
  /** What is read of vaults in buckets is kept there; undefined: nowhere. */
  readonly readCache: ReadCacheSettings | undefined
  /** Percent of a vault's recovery points that may go at once by a surprise (jobs/held-deletions.ts). */
  readonly holdPercent: number
  /** Where Prometheus reads; undefined: nowhere. */
  readonly metrics: MetricsConfig | undefined
}

export interface MetricsConfig {
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  /** What scrapers must show; undefined on loopback only. */
  readonly token: string | undefined
  /** The API's certificate; undefined on loopback. */
  readonly tls: Config['tls']
}

export interface ServeOptions {
  readonly dataDir?: string
  readonly listen?: string
  readonly accountId?: string
  readonly region?: string
  readonly regionRoot?: readonly string[]
  readonly coldRoot?: readonly string[]
  readonly databaseUrlFile?: string
  readonly serverKey?: string
  readonly encryptionKey?: readonly string[]
  readonly hostName?: readonly string[]
  readonly publicUrl?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly insecureHttp?: boolean
  readonly allowRoot?: readonly string[]
  readonly allowEndpoint?: readonly string[]
  readonly storage?: string
  readonly storageEndpoint?: string
  readonly storageRegion?: string
  readonly storageCredentialsFile?: string
  readonly new?: boolean
  readonly logFormat?: string
  readonly concurrentJobs?: string
  readonly holdPercent?: string
  readonly readCache?: string
  readonly readCacheMib?: string
  readonly metricsListen?: string
  readonly metricsTokenFile?: string
}

/** An option or a variable says what cannot be; nothing was made or opened. */
export class ConfigError extends Error {
  override name = 'ConfigError'
}

const DEFAULT_LISTEN = '127.0.0.1:8420'
const DEFAULT_LEASE_MS = 30_000

/** The database that the server keeps everything in: a file of the data directory, or the one whose URL a file holds. */
export function storeConfigOf({
  dataDir,
  databaseUrlFile,
}: Pick<Config, 'dataDir' | 'databaseUrlFile'>): StoreConfig {
  return databaseUrlFile === undefined
    ? { kind: 'sqlite', file: join(dataDir, 'roleback.db') }
    : { kind: 'postgres', urlFile: databaseUrlFile }
}

/** @throws {ConfigError} Naming the option, what it was and what it takes. */
export function loadConfig(options: ServeOptions, env: NodeJS.ProcessEnv): Config {
  const { host, port } = parseListen(options.listen ?? DEFAULT_LISTEN)
  const dataDir = resolve(options.dataDir ?? env['ROLEBACK_DATA_DIR'] ?? 'roleback-data')
  const config: Config = {
    dataDir,
    host,
    port,
    region: matching('--region', options.region ?? 'us-east-1', REGION, 'a region such as us-east-1'),
    regionRoots: rootsOf('--region-root', options.regionRoot ?? []),
    coldRoots: rootsOf('--cold-root', options.coldRoot ?? []),
    accountId:
      options.accountId === undefined
        ? undefined
        : matching('--account-id', options.accountId, /^\d{12}$/, 'twelve digits'),
    databaseUrlFile: options.databaseUrlFile === undefined ? undefined : resolve(options.databaseUrlFile),
    serverKey: keySourceOf(options, env),
    encryptionKeys: encryptionKeysOf(options.encryptionKey ?? [], env),
    tls: tlsOf(options),
    isInsecureHttpAllowed: options.insecureHttp === true,
    hostNames: options.hostName ?? [],
    publicUrl: publicUrlOf(options.publicUrl),
    allowedRoots: (options.allowRoot ?? []).map((root) => resolve(root)),
    allowedEndpoints: options.allowEndpoint ?? [],
    storage: storageOf(options),
    isNew: options.new === true,
    rootKey: rootKeyOf(env),
    logFormat: logFormatOf(options.logFormat),
    concurrentJobs: Number(
      matching('--concurrent-jobs', options.concurrentJobs ?? '2', /^[1-9]\d?$/, 'a number from 1 to 99'),
    ),
    holdPercent: Number(
      matching('--hold-percent', options.holdPercent ?? '25', /^([1-9]?\d|100)$/, 'a number from 0 to 100'),
    ),
    readCache: readCacheOf(dataDir, options),
    leaseMs: Number(env['ROLEBACK_LEASE_MS'] ?? DEFAULT_LEASE_MS),
    metrics: metricsOf(options),
  }
  if (!isLoopback(host) && config.tls === undefined && !config.isInsecureHttpAllowed) {
    throw new ConfigError(
      `Cannot listen on ${host} without TLS: signed requests would travel readable. ` +
        'Give --tls-cert and --tls-key, listen on 127.0.0.1, or say --insecure-http if something in front of it speaks TLS',
    )
  }
  return Object.freeze(config)
}

function readCacheOf(dataDir: string, { readCache, readCacheMib }: ServeOptions): Config['readCache'] {
  const mib = matching(
    '--read-cache-mib',
    readCacheMib ?? '1024',
    /^\d{1,8}$/,
    'a number of MiB; 0 keeps nothing',
  )
  if (Number(mib) === 0) return undefined
  return { path: resolve(readCache ?? join(dataDir, 'read-cache')), maxBytes: Number(mib) * 1024 * 1024 }
}

function publicUrlOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isPlain = url?.username === '' && url.password === '' && url.search === '' && url.hash === ''
  if (url === undefined || !/^https?:$/.test(url.protocol) || !isPlain)
    throw new ConfigError(
      `--public-url "${text}" is not the address of a server, such as https://backups.example.com`,
    )
  return url.href.replace(/\/+$/, '')
}

/** Whether only this machine reaches `host`: a name or an address, IPv6 without its brackets. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

function parseListen(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:]+)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) {
    throw new ConfigError(`Cannot listen on "${text}": expected HOST:PORT, such as ${DEFAULT_LISTEN}`)
  }
  return { host: (match[1] ?? match[2]) as string, port }
}

/** Anybody on the machine may read on loopback; elsewhere only who shows the token, and nobody may read it on the way. */
function metricsOf(options: ServeOptions): Config['metrics'] {
  if (options.metricsListen === undefined) {
    if (options.metricsTokenFile === undefined) return undefined
    throw new ConfigError('--metrics-token-file is of use with --metrics-listen only')
  }
  const { host, port } = parseListen(options.metricsListen)
  const token =
    options.metricsTokenFile === undefined ? undefined : metricsToken(resolve(options.metricsTokenFile))
  if (isLoopback(host)) return { host, port, token, tls: undefined }
  if (token === undefined) {
    throw new ConfigError(
      `Cannot give metrics on ${host} to whoever asks: they tell of all accounts. ` +
        'Give --metrics-token-file, or listen on 127.0.0.1',
    )
  }
  const tls = tlsOf(options)
  if (tls === undefined && options.insecureHttp !== true) {
    throw new ConfigError(
      `Cannot give metrics on ${host} without TLS: the token would travel readable. ` +
        'Give --tls-cert and --tls-key, listen on 127.0.0.1, or say --insecure-http if something in front of it speaks TLS',
    )
  }
  return { host, port, token, tls }
}

function metricsToken(file: string): string {
  const mode = statSync(file).mode & 0o077
  if (mode !== 0) {
    throw new ConfigError(
      `Cannot use --metrics-token-file "${file}": others may read it (mode ${mode.toString(8)}). Run chmod 400 on it`,
    )
  }
  const token = readFileSync(file, 'utf8').trim()
  if (!/^[\x21-\x7e]{16,256}$/.test(token)) {
    throw new ConfigError(
      `Cannot use --metrics-token-file "${file}": it must hold one line of 16 to 256 printable characters, such as of openssl rand -hex 32`,
    )
  }
  return token
}

function keySourceOf({ serverKey }: ServeOptions, env: NodeJS.ProcessEnv): Config['serverKey'] {
  const text = serverKey ?? env['ROLEBACK_SERVER_KEY']
  return text === undefined ? undefined : keySource(text, env, '--server-key')
}

function encryptionKeysOf(given: readonly string[], env: NodeJS.ProcessEnv): Config['encryptionKeys'] {
  const keys = new Map<string, KeySource>()
  for (const text of given) {
    const [, name = '', source = ''] = /^([^=]*)=(.+)$/s.exec(text) ?? []
    if (!/^[a-z0-9][a-z0-9-]{0,63}$/.test(name))
      throw new ConfigError(
        `--encryption-key "${text}" is not NAME=SOURCE, such as finance=file:/media/usb/finance.key; a name has small letters, digits and -`,
      )
    if (keys.has(name)) throw new ConfigError(`--encryption-key names ${name} twice`)
    keys.set(name, keySource(source, env, `--encryption-key ${name}`))
  }
  return keys
}

function keySource(text: string, env: NodeJS.ProcessEnv, option: string): KeySource {
  try {
    return parseKeySource(text, env, option)
  } catch (cause) {
    throw cause instanceof KeySourceError ? new ConfigError(cause.message, { cause }) : cause
  }
}

function matching(option: string, value: string, pattern: RegExp, expected: string): string {
  if (!pattern.test(value)) throw new ConfigError(`${option} "${value}" is not ${expected}`)
  return value
}

const REGION = /^[a-z]{2}(-[a-z]+)+-\d$/

function rootsOf(option: string, given: readonly string[]): ReadonlyMap<string, string> {
  const roots = new Map<string, string>()
  for (const text of given) {
    const [, region = '', directory = ''] = /^([^=]*)=(.+)$/.exec(text) ?? []
    if (!REGION.test(region)) {
      throw new ConfigError(`${option} "${text}" is not REGION=DIRECTORY, such as eu-west-1=/mnt/far/vaults`)
    }
    if (roots.has(region)) throw new ConfigError(`${option} names ${region} twice`)
    roots.set(region, resolve(directory))
  }
  return roots
}

function storageOf(options: ServeOptions): Config['storage'] {
  const { storage, storageEndpoint, storageRegion, storageCredentialsFile } = options
  if (storage === undefined) {
    if ([storageEndpoint, storageRegion, storageCredentialsFile].every((one) => one === undefined))
      return undefined
    throw new ConfigError(
      '--storage-endpoint, --storage-region and --storage-credentials-file need --storage',
    )
  }
  const match = /^s3:\/\/([A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9])((?:\/[A-Za-z0-9._-]+)*)\/?$/.exec(
    storage,
  )
  if (match === null) throw new ConfigError(`--storage "${storage}" is not s3://BUCKET/PREFIX`)
  if (storageEndpoint === undefined || storageCredentialsFile === undefined) {
    throw new ConfigError(
      '--storage goes with --storage-endpoint URL and --storage-credentials-file FILE: one of them is missing',
    )
  }
  const url = URL.canParse(storageEndpoint) ? new URL(storageEndpoint) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.pathname !== '/')
    throw new ConfigError(`--storage-endpoint "${storageEndpoint}" is not http(s)://HOST[:PORT] alone`)
  const [, bucket = '', folder = ''] = match
  return {
    settings: {
      kind: 's3',
      endpoint: url.origin,
      region: storageRegion ?? 'us-east-1',
      bucket,
      prefix: folder === '' ? '' : `${folder.slice(1)}/`,
      forcePathStyle: true,
    },
    credentialsFile: resolve(storageCredentialsFile),
  }
}

function tlsOf(options: ServeOptions): Config['tls'] {
  if (options.tlsCert === undefined && options.tlsKey === undefined) return undefined
  if (options.tlsCert === undefined || options.tlsKey === undefined) {
    throw new ConfigError('--tls-cert and --tls-key go together: one of them is missing')
  }
  const files = { certFile: options.tlsCert, keyFile: options.tlsKey }
  checkTls(files)
  return files
}

/** Before anything is made: OpenSSL's own words name neither file nor reason. */
function checkTls({ certFile, keyFile }: NonNullable<Config['tls']>): void {
  const [cert, key] = [readFileSync(certFile), readFileSync(keyFile)]
  try {
    createSecureContext({ cert, key })
  } catch (cause) {
    throw new ConfigError(
      `Cannot use --tls-cert "${certFile}" with --tls-key "${keyFile}": ${(cause as Error).message}. ` +
        'Both must be PEM, the key without a passphrase and the one that belongs to the first certificate',
      { cause },
    )
  }
}

function rootKeyOf(env: NodeJS.ProcessEnv): Config['rootKey'] {
  const accessKeyId = env['ROLEBACK_ROOT_ACCESS_KEY_ID']
  const secretAccessKey = env['ROLEBACK_ROOT_SECRET_ACCESS_KEY']
  if (accessKeyId === undefined && secretAccessKey === undefined) return undefined
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new ConfigError(
      'ROLEBACK_ROOT_ACCESS_KEY_ID and ROLEBACK_ROOT_SECRET_ACCESS_KEY go together: one of them is not set',
    )
  }
  if (!/^\w{3,128}$/.test(accessKeyId) || secretAccessKey.length < 8) {
    throw new ConfigError(
      'ROLEBACK_ROOT_ACCESS_KEY_ID takes 3 to 128 letters and digits, the secret at least 8 characters',
    )
  }
  return { accessKeyId, secretAccessKey }
}

function logFormatOf(text: string | undefined): LogFormat {
  if (text === undefined) return process.stderr.isTTY === true ? 'text' : 'json'
  if (text === 'json' || text === 'text' || text === 'silent') return text
  throw new ConfigError(`--log-format "${text}" is not json, text or silent`)
}
