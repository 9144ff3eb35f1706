import { execFileSync } from 'node:child_process'
import type { ExecFileSyncOptions } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A backup tool of Debian's, unpacked into a scratch folder and installed nowhere. */
export interface Peer {
  readonly program: string
  readonly env: Readonly<Record<string, string>>
  readonly version: string
}

const QUIET: ExecFileSyncOptions = { stdio: ['ignore', 'pipe', 'ignore'] }
const PYTHON = '/usr/bin/python3'

/** restic of a Debian release: one static program. Undefined where it cannot be had. */
export function fetchRestic(scratch: string, release: string): Peer | undefined {
  try {
    const root = unpack(join(scratch, `restic-${release}`), [release], ['restic'])
    const program = join(root, 'usr/bin/restic')
    const version = execFileSync(program, ['version'], QUIET).toString().split(' ').slice(0, 2).join(' ')
    return { program, env: {}, version }
  } catch {
    return undefined
  }
}

/** borg of bookworm's backports with what it needs of Python. Undefined where it cannot be had. */
export function fetchBorg(scratch: string): Peer | undefined {
  try {
    const wanted = ['borgbackup/bookworm-backports', 'python3-msgpack', 'python3-packaging', 'libxxhash0']
    const root = unpack(join(scratch, 'borg'), ['bookworm', 'bookworm-backports'], wanted)
    const env = {
      PYTHONPATH: join(root, 'usr/lib/python3/dist-packages'),
      LD_LIBRARY_PATH: join(root, 'usr/lib/x86_64-linux-gnu'),
    }
    const program = join(root, 'usr/bin/borg')
    // Its first line names python3 by PATH, which may be another version than the one it is built for.
    writeFileSync(join(root, 'borg'), `#!/bin/sh\nexec ${PYTHON} ${program} "$@"\n`, { mode: 0o755 })
    const version = execFileSync(join(root, 'borg'), ['--version'], {
      ...QUIET,
      env: { ...process.env, ...env },
    })
    return { program: join(root, 'borg'), env, version: version.toString().trim() }
  } catch {
    return undefined
  }
}

/** Fetches packages with package lists of their own and unpacks them. @returns Where to. */
function unpack(home: string, releases: readonly string[], packages: readonly string[]): string {
  for (const folder of ['lists/partial', 'cache/archives/partial'])
    mkdirSync(join(home, folder), { recursive: true })
  const list = join(home, 'sources.list')
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
  const lines = releases.map(
    (release) => `deb [signed-by=${keyring}] http://deb.debian.org/debian ${release} main\n`,
  )
  writeFileSync(list, lines.join(''))
  const settings = {
    'Dir::Etc::sourcelist': list,
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::State::lists': join(home, 'lists'),
    'Dir::Cache': join(home, 'cache'),
    'APT::Sandbox::User': 'root',
  }
  const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  const quiet = { cwd: home, ...QUIET }
  execFileSync('apt-get', [...options, '-qq', 'update'], quiet)
  execFileSync('apt-get', [...options, '-qq', 'download', ...packages], quiet)
  for (const deb of readdirSync(home).filter((name) => name.endsWith('.deb')))
    execFileSync('dpkg-deb', ['-x', deb, 'unpacked'], quiet)
  return join(home, 'unpacked')
}
