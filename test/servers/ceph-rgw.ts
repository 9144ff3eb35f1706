import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { accessSync, constants, mkdirSync, openSync, closeSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { askShared, freePort, runTool, SHARED_SERVERS } from './run-tool.ts'

const PROGRAMS = ['ceph-mon', 'ceph-osd', 'ceph', 'ceph-authtool', 'monmaptool', 'radosgw', 'radosgw-admin']

export interface RgwUser {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

export interface RgwServer extends RgwUser {
  /** `http://127.0.0.1:PORT` */
  readonly endpoint: string
  readonly region: string
  /** Makes another user, who sees nothing of the first one's buckets; in another tenant, names of buckets are others too. */
  addUser(name: string, tenant?: string): Promise<RgwUser>
  stop(): Promise<void>
}

/** Why no Ceph RADOS gateway can be started here; undefined where one can. */
export function rgwMissing(): string | undefined {
  if (process.getuid?.() !== 0) return 'a Ceph RADOS gateway for tests needs root'
  const missing = PROGRAMS.filter((program) => !isRunnable(`/usr/bin/${program}`))
  if (missing.length === 0) return undefined
  return `${missing.join(', ')} not found (Debian: apt-get install ceph-mon ceph-osd radosgw ceph-common)`
}

function isRunnable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/**
 * A user on the gateway that test/run.ts shares among all files of a run: bucket names are his own, stop() leaves it running. Where
 * nothing is shared, and with `memoryBytes`, a gateway of one's own.
 */
export async function startRgw(options: {
  readonly dir: string
  readonly memoryBytes?: number
}): Promise<RgwServer> {
  const shared = process.env[SHARED_SERVERS]
  if (shared === undefined || options.memoryBytes !== undefined) return await startOwnRgw(options)
  const tenant = `t${randomBytes(6).toString('hex')}`
  const user = async (name: string): Promise<Omit<RgwServer, 'addUser' | 'stop'>> =>
    await askShared(shared, `/rgw/${tenant}/${name}`)
  return { ...(await user('owner')), addUser: user, stop: async () => {} }
}

/**
 * Starts a real S3 server below `dir` (made, and removed by stop()): one monitor, one memory-backed object store and a RADOS
 * gateway on free ports of 127.0.0.1, in the foreground as children, about 16 s. `auth none` does not work with radosgw: cephx. A page
 * of a listing has 100 entries, so that few objects show that all pages are read.
 */
export async function startOwnRgw(options: {
  readonly dir: string
  readonly memoryBytes?: number
}): Promise<RgwServer> {
  const { dir, memoryBytes = 1 << 30 } = options
  const missing = rgwMissing()
  if (missing !== undefined) throw new Error(missing)
  for (const name of ['mon', 'osd0', 'run', 'rgw']) mkdirSync(join(dir, name), { recursive: true })
  const fsid = randomUUID()
  const [port, monPort, monPortV1] = [await freePort(), await freePort(), await freePort()]
  const mons = `[v2:127.0.0.1:${monPort}/0,v1:127.0.0.1:${monPortV1}/0]`
  const keyring = join(dir, 'keyring')
  writeFileSync(join(dir, 'ceph.conf'), configuration({ dir, fsid, mons, port, memoryBytes }))
  const run = (program: string, ...args: string[]): Promise<string> =>
    runTool(program, args, { cwd: dir, env: { CEPH_CONF: join(dir, 'ceph.conf') } })
  const children: ChildProcess[] = []
  const serve = (program: string, ...args: string[]): ChildProcess => {
    const log = openSync(join(dir, `${program}.out`), 'w')
    const env = { PATH: process.env['PATH'] ?? '/usr/bin', CEPH_CONF: join(dir, 'ceph.conf') }
    const child = spawn(program, args, { cwd: dir, env, stdio: ['ignore', log, log] })
    closeSync(log)
    children.push(child)
    return child
  }
  const stop = async (): Promise<void> => {
    for (const child of children.toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    }
    await rm(dir, { recursive: true, force: true })
  }

  try {
    await run('ceph-authtool', '-C', keyring, '--gen-key', '-n', 'mon.', '--cap', 'mon', 'allow *')
    const all = ['mon', 'osd', 'mgr', 'mds'].flatMap((part) => ['--cap', part, 'allow *'])
    await run('ceph-authtool', keyring, '--gen-key', '-n', 'client.admin', ...all)
    await run('monmaptool', '--create', '--fsid', fsid, '--addv', 'a', mons.replaceAll('/0', ''), 'monmap')
    await run('ceph-mon', '--mkfs', '-i', 'a', '--monmap', 'monmap', '--keyring', keyring)
    serve('ceph-mon', '-f', '-i', 'a')
    // A nearly full disk under the monitor must not make the memory-backed store read-only.
    await run('ceph', 'osd', 'set-full-ratio', '0.99')
    await run('ceph', 'osd', 'set-backfillfull-ratio', '0.98')
    await run('ceph', 'osd', 'set-nearfull-ratio', '0.97')
    const osd = randomUUID()
    await run('ceph', 'osd', 'new', osd)
    const osdKey = await run(
      'ceph',
      'auth',
      'get-or-create',
      'osd.0',
      'mon',
      'allow profile osd',
      'osd',
      'allow *',
    )
    writeFileSync(keyring, osdKey, { flag: 'a' })
    await run('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', osd)
    serve('ceph-osd', '-f', '-i', '0')
    await run('ceph', 'osd', 'crush', 'add', 'osd.0', '1.0', 'root=default', 'host=h')
    const gateway = serve('radosgw', '-f', '-n', 'client.admin', '-k', keyring, '--no-mon-config')
    const endpoint = `http://127.0.0.1:${port}`
    await answers(endpoint, gateway)
    const addUser = async (name: string, tenant = ''): Promise<RgwUser> => {
      const user = {
        accessKeyId: `AK${tenant}${name}`.toUpperCase(),
        secretAccessKey: randomBytes(20).toString('hex'),
      }
      const keys = [`--access-key=${user.accessKeyId}`, `--secret-key=${user.secretAccessKey}`]
      const who = [`--uid=${name}`, `--tenant=${tenant}`, `--display-name=${name}`]
      await run('radosgw-admin', 'user', 'create', ...who, ...keys)
      return user
    }
    return { endpoint, region: 'us-east-1', ...(await addUser('owner')), addUser, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function configuration(options: {
  readonly dir: string
  readonly fsid: string
  readonly mons: string
  readonly port: number
  readonly memoryBytes: number
}): string {
  const { dir, fsid, mons, port, memoryBytes } = options
  return `[global]
fsid = ${fsid}
mon_initial_members = a
mon_host = ${mons}
keyring = ${dir}/keyring
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pg_autoscale_mode = off
mon_allow_pool_size_one = true
osd_crush_chooseleaf_type = 0
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_ipv6 = false
run_dir = ${dir}/run
admin_socket = ${dir}/run/$name.asok
log_file = ${dir}/$name.log
mon_data = ${dir}/mon
osd_data = ${dir}/osd0
osd_objectstore = memstore
memstore_device_bytes = ${memoryBytes}
mon_data_avail_crit = 1
[client]
rgw_data = ${dir}/rgw
rgw_frontends = beast tcp_nodelay=1 endpoint=127.0.0.1:${port}
rgw_dns_name = localhost
rgw_max_listing_results = 100
`
}

/** Asks until the gateway answers; ends early when it dies. radosgw says nothing on any channel when it is ready. */
async function answers(endpoint: string, gateway: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    if (gateway.exitCode !== null)
      throw new Error(`radosgw ended with ${gateway.exitCode} before it answered`)
    try {
      if ((await fetch(endpoint)).status === 200) return
    } catch {
      // Not listening yet.
    }
    await delay(200)
  }
  throw new Error(`radosgw at ${endpoint} did not answer within 60 s`)
}
