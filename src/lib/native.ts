import type { dlopen } from 'node:ffi'

type Definitions = Parameters<typeof dlopen>[1]
export type NativeFunctions<T extends Definitions & {}> = ReturnType<typeof dlopen<T>>['functions']

/**
 * Functions of the libraries that are part of this process (the C library; zstd, which Node brings), through node:ffi. No native
 * dependency, 0.2 µs a call. Undefined where node:ffi (Node 26) or one of the symbols is missing: callers have another way.
 *
 * A wrong signature can crash the process, and lengths are not checked by anybody: whoever declares one checks them himself, in a
 * file without other logic.
 */
export function nativeFunctions<const T extends Definitions & {}>(
  signatures: T,
): NativeFunctions<T> | undefined {
  if (process.platform !== 'linux') return undefined
  // The runtime is pinned, so its word that node:ffi may change tells the operator nothing that he could act on.
  const emitWarning = process.emitWarning.bind(process)
  process.emitWarning = () => undefined
  try {
    return process.getBuiltinModule('node:ffi').dlopen<T>(null, signatures).functions
  } catch {
    return undefined
  } finally {
    process.emitWarning = emitWarning
  }
}
