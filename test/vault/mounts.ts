import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** File systems of their own, to be filled and cut off. They need root, and a kernel that lets it mount. */

export interface Mounted extends Disposable {
  readonly path: string
}

/** @returns Why it is not to be had here, as text. */
export function mountTmpfs(bytes: number): Mounted | string {
  const home = mkdtempSync(join(tmpdir(), 'roleback-mount-'))
  const reason = tried('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=0700`, 'roleback-test', home])
  if (reason === undefined) return mounted(home, home)
  rmSync(home, { recursive: true, force: true })
  return reason
}

/** An ext4 that its disk can be cut off from, again and again. */
export interface CutableDisk extends Mounted {
  /** Cuts the power: what was not synced is gone, and whoever writes gets errors. */
  cut(): void
  /** Mounts what is left, as after a start. */
  remount(): void
}

/** @returns Why it is not to be had here, as text. */
export function mountExt4(bytes: number): CutableDisk | string {
  const home = mkdtempSync(join(tmpdir(), 'roleback-mount-'))
  const [image, path] = [join(home, 'image'), join(home, 'disk')]
  writeFileSync(image, '')
  truncateSync(image, bytes)
  mkdirSync(path)
  const mount = ['-o', 'loop', image, path]
  const reason =
    tried('mkfs.ext4', ['-q', '-F', '-m', '0', image]) ?? tried('xfs_io', ['-V']) ?? tried('mount', mount)
  if (reason !== undefined) {
    rmSync(home, { recursive: true, force: true })
    return reason
  }
  return {
    ...mounted(path, home),
    cut: () => need('xfs_io', ['-x', '-c', 'shutdown', path]),
    remount: () => {
      need('umount', [path])
      need('mount', mount)
    },
  }
}

function mounted(path: string, home: string): Mounted {
  return {
    path,
    [Symbol.dispose]: () => {
      need('umount', [path])
      rmSync(home, { recursive: true, force: true })
    },
  }
}

function need(command: string, args: readonly string[]): void {
  const reason = tried(command, args)
  if (reason !== undefined) throw new Error(reason)
}

function tried(command: string, args: readonly string[]): string | undefined {
  const env = { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` }
  const { status, stderr, error } = spawnSync(command, args, { env, encoding: 'utf8' })
  if (status === 0) return undefined
  return `${command} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`
}
