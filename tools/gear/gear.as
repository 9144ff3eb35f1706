// AssemblyScript. Finds the end of the chunk that starts at p, looking at up to n bytes (docs/vault-format.md, section 12).
// Two bytes a step: T at `table`, T shifted left by one at `table + 2048`. That halves the shifts; the masks leave bit 63 out,
// so that testing a shifted hash against a shifted mask is the same test. min and normal must be even.
@unsafe export function cut(p: usize, n: usize, table: usize, min: usize, normal: usize, max: usize, below: u64, above: u64): usize {
  if (n <= min) return n;
  if (n > max) n = max;
  const shifted = table + 2048;
  const even = n & ~1;
  const turn = normal < even ? normal : even;
  let i = min;
  let h: u64 = 0;
  const below2 = below << 1;
  const above2 = above << 1;
  while (i < turn) {
    h = (h << 2) + load<u64>(shifted + (<usize>load<u8>(p + i) << 3));
    if (!(h & below2)) return i + 1;
    h = h + load<u64>(table + (<usize>load<u8>(p + i + 1) << 3));
    if (!(h & below)) return i + 2;
    i += 2;
  }
  while (i < even) {
    h = (h << 2) + load<u64>(shifted + (<usize>load<u8>(p + i) << 3));
    if (!(h & above2)) return i + 1;
    h = h + load<u64>(table + (<usize>load<u8>(p + i + 1) << 3));
    if (!(h & above)) return i + 2;
    i += 2;
  }
  return n;
}
