// Poly1305 (RFC 8439, section 2.5) over five limbs of 26 bits, as in Andrew Moon's public-domain poly1305-donna-32.
// AssemblyScript; tools/build-poly1305.ts compiles it into poly1305-kernel.ts.
//
// Memory: 0 r (16 bytes, clamped here), 16 s (16), 32 the accumulator's limbs (5 x u64), 80 the tag (16), 1024 input.

/** Forgets the message so far; r and s have been written by the caller. */
export function start(): void {
  for (let at: usize = 32; at < 72; at += 8) store<u64>(at, 0);
}

/** Takes in `n` bytes of input, a multiple of 16. `high` is 1 << 24 for whole blocks, 0 for the padded last one. */
export function blocks(n: usize, high: u64): void {
  const r0: u64 = load<u32>(0) & 0x3ffffff, r1: u64 = (load<u32>(3) >> 2) & 0x3ffff03, r2: u64 = (load<u32>(6) >> 4) & 0x3ffc0ff;
  const r3: u64 = (load<u32>(9) >> 6) & 0x3f03fff, r4: u64 = (load<u32>(12) >> 8) & 0x00fffff;
  const s1 = r1 * 5, s2 = r2 * 5, s3 = r3 * 5, s4 = r4 * 5;
  let h0 = load<u64>(32), h1 = load<u64>(40), h2 = load<u64>(48), h3 = load<u64>(56), h4 = load<u64>(64);
  for (let p: usize = 1024; p < 1024 + n; p += 16) {
    h0 += load<u32>(p) & 0x3ffffff;
    h1 += (load<u32>(p + 3) >> 2) & 0x3ffffff;
    h2 += (load<u32>(p + 6) >> 4) & 0x3ffffff;
    h3 += load<u32>(p + 9) >> 6;
    h4 += (load<u32>(p + 12) >> 8) | high;
    const d0 = h0 * r0 + h1 * s4 + h2 * s3 + h3 * s2 + h4 * s1;
    let d1 = h0 * r1 + h1 * r0 + h2 * s4 + h3 * s3 + h4 * s2;
    let d2 = h0 * r2 + h1 * r1 + h2 * r0 + h3 * s4 + h4 * s3;
    let d3 = h0 * r3 + h1 * r2 + h2 * r1 + h3 * r0 + h4 * s4;
    let d4 = h0 * r4 + h1 * r3 + h2 * r2 + h3 * r1 + h4 * r0;
    d1 += d0 >> 26; h0 = d0 & 0x3ffffff;
    d2 += d1 >> 26; h1 = d1 & 0x3ffffff;
    d3 += d2 >> 26; h2 = d2 & 0x3ffffff;
    d4 += d3 >> 26; h3 = d3 & 0x3ffffff;
    h0 += (d4 >> 26) * 5; h4 = d4 & 0x3ffffff;
    h1 += h0 >> 26; h0 &= 0x3ffffff;
  }
  store<u64>(32, h0); store<u64>(40, h1); store<u64>(48, h2); store<u64>(56, h3); store<u64>(64, h4);
}

/** Reduces the accumulator, adds s and leaves the tag. */
export function finish(): void {
  let h0 = load<u64>(32), h1 = load<u64>(40), h2 = load<u64>(48), h3 = load<u64>(56), h4 = load<u64>(64);
  let c = h1 >> 26; h1 &= 0x3ffffff;
  h2 += c; c = h2 >> 26; h2 &= 0x3ffffff;
  h3 += c; c = h3 >> 26; h3 &= 0x3ffffff;
  h4 += c; c = h4 >> 26; h4 &= 0x3ffffff;
  h0 += c * 5; c = h0 >> 26; h0 &= 0x3ffffff;
  h1 += c;
  // h - (2^130 - 5), taken where it is not negative.
  let g0 = h0 + 5; c = g0 >> 26; g0 &= 0x3ffffff;
  let g1 = h1 + c; c = g1 >> 26; g1 &= 0x3ffffff;
  let g2 = h2 + c; c = g2 >> 26; g2 &= 0x3ffffff;
  let g3 = h3 + c; c = g3 >> 26; g3 &= 0x3ffffff;
  const g4 = h4 + c - (1 << 26);
  const mask: u64 = (g4 >> 63) - 1;
  h0 = (h0 & ~mask) | (g0 & mask);
  h1 = (h1 & ~mask) | (g1 & mask);
  h2 = (h2 & ~mask) | (g2 & mask);
  h3 = (h3 & ~mask) | (g3 & mask);
  h4 = (h4 & ~mask) | (g4 & mask);
  let f: u64 = ((h0 | (h1 << 26)) & 0xffffffff) + load<u32>(16);
  store<u32>(80, <u32>f);
  f = (((h1 >> 6) | (h2 << 20)) & 0xffffffff) + load<u32>(20) + (f >> 32);
  store<u32>(84, <u32>f);
  f = (((h2 >> 12) | (h3 << 14)) & 0xffffffff) + load<u32>(24) + (f >> 32);
  store<u32>(88, <u32>f);
  f = (((h3 >> 18) | (h4 << 8)) & 0xffffffff) + load<u32>(28) + (f >> 32);
  store<u32>(92, <u32>f);
}
