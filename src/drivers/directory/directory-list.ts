import { nativeFunctions } from '../../lib/native.ts'

/**
 * getdents64(2): it lists the folder that is open. node:fs opens it a second time, by its path in `/proc/self/fd`, and makes an
 * object of each name.
 */
const SIGNATURES = {
  getdents64: { arguments: ['i32', 'buffer', 'u64'], return: 'i64' },
  lseek: { arguments: ['i32', 'i64', 'i32'], return: 'i64' },
} as const
const ANSWER_BYTES = 64 * 1024
/** In an entry of its answer: where that entry's length is, its type, its name, which ends with NUL. */
const LENGTH_AT = 16
const TYPE_AT = 18
const NAME_AT = 19
const TYPE_UNKNOWN = 0
const TYPE_FOLDER = 4

/**
 * Names in the folder that `fd` was opened to read, from its beginning: latin1, one character a byte, directories with a slash, in
 * no order. Undefined where it cannot be listed, for no reason that is told, and where the file system does not say the type with
 * the name.
 */
type List = (fd: number) => string[] | undefined

let native: List | undefined | 'unknown' = 'unknown'

/** Undefined where it cannot be called. Descriptors are the caller's: no other thread may list by the same one meanwhile. */
export function nativeList(): List | undefined {
  if (native === 'unknown') native = load()
  return native
}

function load(): List | undefined {
  const calls = nativeFunctions(SIGNATURES)
  if (calls === undefined) return undefined
  const answer = Buffer.alloc(ANSWER_BYTES)
  return (fd) => {
    if (calls.lseek(fd, 0n, 0) !== 0n) return undefined
    const names: string[] = []
    for (;;) {
      const length = Number(calls.getdents64(fd, answer, BigInt(ANSWER_BYTES)))
      if (length === 0) return names
      if (length < 0 || !addNames(answer, length, names)) return undefined
    }
  }
}

/** @returns False where one is of a type that is not said. */
function addNames(answer: Buffer, length: number, to: string[]): boolean {
  for (let at = 0; at < length; at += answer.readUInt16LE(at + LENGTH_AT)) {
    const type = answer[at + TYPE_AT]
    if (type === TYPE_UNKNOWN) return false
    const name = answer.toString('latin1', at + NAME_AT, answer.indexOf(0, at + NAME_AT))
    if (name !== '.' && name !== '..') to.push(type === TYPE_FOLDER ? `${name}/` : name)
  }
  return true
}
