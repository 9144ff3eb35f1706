import { randomBytes } from 'node:crypto'

/**
 * The polynomial over GF(2), of degree 53 and irreducible, that restic's own chunker takes from `config` (Rabin fingerprints).
 * Our chunks do not use it; restic does when it adds to a repository of ours, and refuses a reducible one.
 */

const DEGREE = 53n
const X = 2n

function squareModulo(value: bigint, modulus: bigint): bigint {
  // Squaring over GF(2) spreads the bits: x^i becomes x^2i.
  let square = BigInt(`0b${value.toString(2).split('').join('0')}`)
  for (let bit = 2n * DEGREE; bit >= DEGREE; bit--) {
    if ((square >> bit) & 1n) square ^= modulus << (bit - DEGREE)
  }
  return square
}

/**
 * Rabin's test for the prime degree 53: x^(2^53) = x modulo it, and no factor of degree 1, that is neither 0 nor 1 is a root.
 */
export function isIrreducible(polynomial: bigint): boolean {
  const terms = polynomial.toString(2).replaceAll('0', '').length
  if (polynomial >> DEGREE !== 1n || (polynomial & 1n) === 0n || terms % 2 === 0) return false
  let power = X
  for (let i = 0n; i < DEGREE; i++) power = squareModulo(power, polynomial)
  return power === X
}

/** A random irreducible polynomial; about one in 26 candidates is one. */
export function randomPolynomial(): bigint {
  for (;;) {
    const bits = randomBytes(8).readBigUInt64LE() & ((1n << DEGREE) - 1n)
    const candidate = (1n << DEGREE) | bits | 1n
    if (isIrreducible(candidate)) return candidate
  }
}
