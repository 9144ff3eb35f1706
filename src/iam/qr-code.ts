import { crc32, deflateSync } from 'node:zlib'
import { encodeQR } from 'qr'

/** Light modules around the code that readers need (ISO/IEC 18004), and pixels to a module. */
const BORDER = 4
const SCALE = 4

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])

/** A QR code as PNG: one bit a pixel, black on white. */
export function qrCodePng(text: string): Buffer {
  const modules = encodeQR(text, 'raw', { ecc: 'medium', border: BORDER, scale: SCALE })
  const size = modules.length
  const row = Math.ceil(size / 8) + 1
  // Each row begins with its filter: 0, none. A set bit is white.
  const pixels = Buffer.alloc(row * size)
  for (const [y, line] of modules.entries()) {
    for (const [x, isDark] of line.entries()) {
      if (!isDark) pixels[y * row + 1 + (x >> 3)]! |= 0x80 >> (x & 7)
    }
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(size, 0)
  header.writeUInt32BE(size, 4)
  header[8] = 1
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(pixels)),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  checksum.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, checksum])
}
