import type { ChunkIndex } from '../chunks/chunk-index.ts'
import type { LoadedIndex } from '../chunks/load-index.ts'
import type { PackUse } from './mark.ts'
import { MIN_KEPT_BYTES } from './repack.ts'

/**
 * What to write anew so that little enough stays unused, for the least time. Of a pack that is written anew, segments go over as they
 * are; only one of which enough is unused is unpacked, and packed again without that. What that is worth is a price, time for a byte
 * freed: the least at which enough is freed decides on packs, and then, for those, on segments.
 */
export interface RepackPlan {
  readonly packs: readonly PackUse[]
  /** Numbers of segments in use in part that go over whole. */
  readonly whole: ReadonlySet<number>
}

/** Unused bytes that may stay in packs in use, as a share of the used ones: one in twenty of all bytes there. */
const MAX_UNUSED = 1 / 19
/** More small packs than this of one type are put together. */
const MAX_SMALL_PACKS = 8
const SMALL_PACK_BYTES = 4 * 1024 * 1024
/** Nanoseconds for a byte of a segment that goes over as it is, and for one that also crosses a network twice. Measured; only their relation counts. */
const COPY_NS = 2
const COPY_OVER_NETWORK_NS = 20
/** For a raw byte that is packed again. */
const PACK_NS = 8.5
/** For a pack, whatever is in it. */
const OPEN_NS = 2_000_000
/** Steps in which the price is looked for: between 2^-20 and 2^40 ns a byte, to a hundredth. */
const PRICE_STEPS = 13
const LOWEST_PRICE = 2 ** -20
const HIGHEST_PRICE = 2 ** 40
/** Choices that are looked at, each with one pack less: among many packs, one is little. */
const CHOICES = 8

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
  const { packs, again } = choose(candidates, wanted)
  const partly = packs.flatMap(({ parts }) => parts.map(({ segment }) => segment))
  return {
    packs: [...small, ...packs.map(({ use }) => use)],
    whole: new Set(partly.filter((segment) => !again.has(segment))),
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

/** Packs that are written anew, and those of their segments (numbers) that are packed again. */
interface Choice {
  readonly packs: readonly Candidate[]
  readonly again: ReadonlySet<number>
  /** Infinite where it does not free enough. */
  readonly cost: number
}

/**
 * All packs that are worth the price at which enough is freed; or fewer, where packing more of their segments again costs less than one
 * more pack does.
 */
function choose(candidates: readonly Candidate[], wanted: number): Choice {
  const price = leastPrice(candidates, wanted)
  const perByte = (candidate: Candidate): number => {
    const { freed, cost } = atPrice(candidate, price)
    return cost / freed
  }
  const packs = candidates
    .filter((candidate) => isWorth(candidate, price))
    .sort((one, other) => perByte(one) - perByte(other))
  let best = choiceOf(packs, wanted)
  for (let left = packs.length - 1; left > packs.length - CHOICES; left--) {
    const choice = choiceOf(packs.slice(0, left), wanted)
    if (choice.cost >= best.cost) break
    best = choice
  }
  return best
}

/** A pack comes or goes whole, so all that these could free may be much more than what is wanted: no more is packed again than that takes. */
function choiceOf(packs: readonly Candidate[], wanted: number): Choice {
  let freed = packs.reduce((sum, pack) => sum + pack.freed, 0)
  let cost = packs.reduce((sum, pack) => sum + pack.cost, 0)
  const again = new Set<number>()
  const cheapestFirst = packs
    .flatMap(({ parts }) => parts)
    .sort((one, other) => one.cost / one.freed - other.cost / other.freed)
  for (const part of cheapestFirst) {
    if (freed >= wanted && part.cost >= 0) break
    again.add(part.segment)
    freed += part.freed
    cost += part.cost
  }
  return { packs, again, cost: freed >= wanted ? cost : Infinity }
}

/** The lowest price at which `wanted` bytes are freed. */
function leastPrice(candidates: readonly Candidate[], wanted: number): number {
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
