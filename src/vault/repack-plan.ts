import type { ChunkIndex } from './chunk-index.ts'
import type { LoadedIndex } from './load-index.ts'
import type { PackUse } from './mark.ts'
import { MIN_KEPT_BYTES } from './repack.ts'

/**
 * What to write anew so that little enough stays unused, for the least time. Of a pack that is written anew, segments go over as they
 * are; only one of which enough is unused is unpacked, and packed again without that. What that is worth is a price, time for a byte
 * freed: the least at which enough is freed decides on all packs and segments alike.
 */
export interface RepackPlan {
  readonly packs: readonly PackUse[]
  /** Numbers of segments in use in part that go over whole. */
  readonly whole: ReadonlySet<number>
}

/** Unused bytes that may stay in packs in use, as a share of the used ones. */
const MAX_UNUSED = 0.05
/** More small packs than this of one type are put together. */
const MAX_SMALL_PACKS = 8
const SMALL_PACK_BYTES = 4 * 1024 * 1024
/** Nanoseconds for a byte of a segment that goes over as it is, and for one that also crosses a network twice. Measured; only their relation counts. */
const COPY_NS = 3
const COPY_OVER_NETWORK_NS = 20
/** For a raw byte that is packed again. */
const PACK_NS = 5.5
/** For a pack, whatever is in it. */
const OPEN_NS = 2_000_000
/** Steps in which the price is looked for: between 2^-20 and 2^40 ns a byte, to a hundredth. */
const PRICE_STEPS = 13
const LOWEST_PRICE = 2 ** -20
const HIGHEST_PRICE = 2 ** 40

/** A pack that could be written anew. */
interface Candidate {
  readonly use: PackUse
  /** Bytes that it frees, and nanoseconds it takes, where all its segments in use in part go over whole. */
  readonly freed: number
  readonly cost: number
  /** Those segments: number, bytes that packing it again frees, and nanoseconds which that takes beyond copying. */
  readonly parts: readonly { readonly segment: number; readonly freed: number; readonly cost: number }[]
}

export interface Planned {
  readonly loaded: Pick<LoadedIndex, 'index'>
  /** Raw bytes in use, by number of segment. */
  readonly usedBytes: Uint32Array
}

/** @param uses Of packs that may go. */
export function planRepack(
  { loaded: { index }, usedBytes }: Planned,
  uses: readonly PackUse[],
  isLocal: boolean,
): RepackPlan {
  const small = smallOf(uses)
  const unusedIn = (some: readonly PackUse[]): number =>
    some.reduce((sum, use) => sum + use.storedBytes - use.usedBytes, 0)
  const allowed = uses.reduce((sum, use) => sum + use.usedBytes, 0) * MAX_UNUSED
  const rest = uses.filter((use) => !small.has(use))
  const wanted = unusedIn(rest) - allowed
  if (wanted <= 0) return { packs: [...small], whole: new Set() }
  const copyNs = isLocal ? COPY_NS : COPY_OVER_NETWORK_NS
  const candidates = rest
    .filter(({ usedShare }) => usedShare < 1)
    .map((use) => candidateOf(index, usedBytes, use, copyNs))
  const price = priceOf(candidates, wanted)
  const chosen = candidates.filter((candidate) => isWorth(candidate, price))
  return {
    packs: [...small, ...chosen.map(({ use }) => use)],
    whole: new Set(
      chosen.flatMap(({ parts }) =>
        parts.filter(({ freed, cost }) => cost > price * freed).map(({ segment }) => segment),
      ),
    ),
  }
}

/** Packs that are put together because they are small and many. */
function smallOf(uses: readonly PackUse[]): Set<PackUse> {
  const chosen = new Set<PackUse>()
  for (const type of ['data/', 'meta/']) {
    const small = uses.filter(
      ({ name, storedBytes }) => name.startsWith(type) && storedBytes < SMALL_PACK_BYTES,
    )
    if (small.length > MAX_SMALL_PACKS) for (const use of small) chosen.add(use)
  }
  return chosen
}

function candidateOf(index: ChunkIndex, usedBytes: Uint32Array, use: PackUse, copyNs: number): Candidate {
  let freed = 0
  let cost = OPEN_NS
  const parts: Candidate['parts'][number][] = []
  const [first, end] = index.segmentsOf(use.number)
  for (let segment = first; segment < end; segment++) {
    const { sealedLength, rawLength } = index.segment(segment)
    const used = usedBytes[segment] as number
    const packing = used * PACK_NS
    if (used === 0) freed += sealedLength
    else if (rawLength < MIN_KEPT_BYTES) {
      freed += sealedLength * (1 - used / rawLength)
      cost += packing
    } else {
      const copying = sealedLength * copyNs
      cost += copying
      if (used === rawLength) continue
      const share = 1 - used / rawLength
      parts.push({ segment, freed: sealedLength * share, cost: packing + copying * (1 - share) - copying })
    }
  }
  return { use, freed, cost, parts }
}

/** The lowest price at which `wanted` bytes are freed. */
function priceOf(candidates: readonly Candidate[], wanted: number): number {
  let low = Math.log(LOWEST_PRICE)
  let high = Math.log(HIGHEST_PRICE)
  for (let step = 0; step < PRICE_STEPS; step++) {
    const middle = (low + high) / 2
    const price = Math.exp(middle)
    const freed = candidates.reduce(
      (sum, candidate) => sum + (isWorth(candidate, price) ? atPrice(candidate, price).freed : 0),
      0,
    )
    if (freed >= wanted) high = middle
    else low = middle
  }
  return Math.exp(high)
}

function isWorth(candidate: Candidate, price: number): boolean {
  const { freed, cost } = atPrice(candidate, price)
  return freed > 0 && cost <= price * freed
}

function atPrice({ freed, cost, parts }: Candidate, price: number): { freed: number; cost: number } {
  const all = { freed, cost }
  for (const part of parts) {
    if (part.cost > price * part.freed) continue
    all.freed += part.freed
    all.cost += part.cost
  }
  return all
}
