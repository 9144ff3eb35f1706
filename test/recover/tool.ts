import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

/** The second reader, as a command and as a module, and what it answers with --json. */

export const TOOL: string = join(import.meta.dirname, '..', '..', 'tools', 'recover.mjs')

interface Answer {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Verified {
  readonly isWhole: boolean
  readonly points: number
  readonly packs: number
  readonly damage: readonly { readonly blob: string; readonly reason: string }[]
  readonly notes: readonly string[]
}

export interface Restored {
  readonly items: number
  readonly bytes: number
  readonly problems: readonly { readonly item: string; readonly reason: string }[]
}

export interface Listed {
  readonly points: readonly {
    readonly id: string
    readonly recoveryPointArn: string
    readonly resourceType: string
    readonly items: number
    readonly damage: readonly unknown[]
  }[]
}

/** The same file as a module: thousands of runs would be too slow as processes. */
export interface Reader {
  parseKit(text: string): object
  openKit(kit: object, passphrase: string): object
  openVault(directory: string, kit: object, vaultId?: string): object
  verifyVault(vault: object): Verified
  restorePoint(vault: object, point: string, target: string): Restored
}

/** Where a recovery kit and its passphrase lie. */
export interface KitFiles {
  readonly kit: string
  readonly passphrase: string
}

type Options = Partial<KitFiles> & { readonly tool?: string }

/** Runs the tool with a kit, unless told otherwise; beside this process, whose server goes on meanwhile. */
export function recoverWith(kitFiles: () => KitFiles): {
  readonly recover: (args: readonly string[], options?: Options) => Promise<Answer>
  /** @param code What it must end with. */
  readonly recoverJson: <T>(args: readonly string[], code?: number, options?: Options) => Promise<T>
} {
  const recover = async (args: readonly string[], options: Options = {}): Promise<Answer> => {
    const { kit, passphrase, tool = TOOL } = { ...kitFiles(), ...options }
    const all = [tool, ...args, '--kit', kit, '--passphrase-file', passphrase]
    const child = spawn(process.execPath, all, { stdio: ['ignore', 'pipe', 'pipe'] })
    const closed = once(child, 'close')
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
    const [code] = (await closed) as [number | null]
    return { code, stdout, stderr }
  }
  const recoverJson = async <T>(args: readonly string[], code = 0, options: Options = {}): Promise<T> => {
    const answer = await recover([...args, '--json'], options)
    assert.equal(answer.code, code, answer.stdout + answer.stderr)
    return JSON.parse(answer.stdout) as T
  }
  return { recover, recoverJson }
}

interface ManifestLine {
  readonly key: string
  readonly file: string
  readonly size: number
  readonly metadata?: { readonly tags?: object }
}

export function manifestOf(target: string): readonly ManifestLine[] {
  const lines = readFileSync(join(target, 'manifest.jsonl'), 'utf8').trimEnd().split('\n')
  return lines.map((line) => JSON.parse(line) as ManifestLine)
}
