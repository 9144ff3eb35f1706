import { POLY1305_WASM_BASE64 } from './poly1305-kernel.ts'

/**
 * Poly1305 (RFC 8439, section 2.5). node:crypto offers it only inside ChaCha20-Poly1305, restic needs it with AES; a kernel of
 * WebAssembly does about 1.1 GB/s on one core where the best JavaScript does 0.17.
 */

/** What poly1305.as exports; its head tells the memory's layout. */
interface Kernel {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly start: () => void
  readonly blocks: (bytes: number, high: bigint) => void
  readonly finish: () => void
}

const TAG_AT = 80
const INPUT_AT = 1024
const INPUT_BYTES = 65_536
const WHOLE_BLOCK = 1n << 24n

const kernel = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(POLY1305_WASM_BASE64, 'base64')))
  .exports as unknown as Kernel
const memory = new Uint8Array(kernel.memory.buffer)

/** The tag of `message` under a one-time key of 32 bytes (r, clamped here, then s): 16 bytes. */
export function poly1305(oneTimeKey: Uint8Array, message: Uint8Array): Uint8Array {
  if (oneTimeKey.length !== 32)
    throw new RangeError(`Poly1305 needs a key of 32 bytes, not ${oneTimeKey.length}`)
  memory.set(oneTimeKey, 0)
  kernel.start()
  const wholeBytes = message.length - (message.length % 16)
  for (let at = 0; at < wholeBytes; at += INPUT_BYTES) {
    const part = message.subarray(at, Math.min(wholeBytes, at + INPUT_BYTES))
    memory.set(part, INPUT_AT)
    kernel.blocks(part.length, WHOLE_BLOCK)
  }
  if (wholeBytes < message.length) {
    memory.fill(0, INPUT_AT, INPUT_AT + 16)
    memory.set(message.subarray(wholeBytes), INPUT_AT)
    memory[INPUT_AT + message.length - wholeBytes] = 1
    kernel.blocks(16, 0n)
  }
  kernel.finish()
  const tag = memory.slice(TAG_AT, TAG_AT + 16)
  memory.fill(0, 0, INPUT_AT + 16)
  return tag
}
