import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Restic {
  readonly program: string
  readonly version: string
}

/**
 * restic of a Debian release, unpacked into `scratch` and installed nowhere: apt gets package lists of its own. It is one static
 * program. Undefined where it cannot be had.
 */
export function fetchRestic(scratch: string, release: string): Restic | undefined {
  const home = join(scratch, `restic-${release}`)
  for (const folder of ['lists/partial', 'cache/archives/partial'])
    mkdirSync(join(home, folder), { recursive: true })
  const list = join(home, 'sources.list')
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
  writeFileSync(list, `deb [signed-by=${keyring}] http://deb.debian.org/debian ${release} main\n`)
  const settings = {
    'Dir::Etc::sourcelist': list,
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::State::lists': join(home, 'lists'),
    'Dir::Cache': join(home, 'cache'),
    'APT::Sandbox::User': 'root',
  }
  const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  try {
    const quiet = { cwd: home, stdio: 'ignore' } as const
    execFileSync('apt-get', [...options, '-qq', 'update'], quiet)
    execFileSync('apt-get', [...options, '-qq', 'download', 'restic'], quiet)
    const deb = readdirSync(home).find((name) => name.endsWith('.deb')) as string
    execFileSync('dpkg-deb', ['-x', deb, 'unpacked'], quiet)
    const program = join(home, 'unpacked/usr/bin/restic')
    return {
      program,
      version: execFileSync(program, ['version']).toString().split(' ').slice(0, 2).join(' '),
    }
  } catch {
    return undefined
  }
}
