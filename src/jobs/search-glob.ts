/**
 * A pattern of `*` (any text) and `?` (one UTF-16 unit) as a predicate on whole texts.
 *
 * Each state, "so many characters of the pattern are matched", is a bit, and 32 of them are taken on at once for each character of the
 * text (Baeza-Yates and Gonnet, "A new approach to text searching", 1992): the time is the text's length times a 32nd of the
 * pattern's, whatever both say. Going back behind a `*` instead takes the product of both.
 */
export function compileGlob(pattern: string): (text: string) => boolean {
  const characters = pattern.replaceAll('*', '')
  const words = (characters.length >> 5) + 1
  /** States that a `*` lets stay as they are. */
  const stays = new Int32Array(words)
  const anyCharacter = new Int32Array(words)
  const byCharacter = new Map<string, Int32Array>()
  const placesOf = (character: string): Int32Array => {
    let places = byCharacter.get(character)
    if (places === undefined) byCharacter.set(character, (places = new Int32Array(words)))
    return places
  }
  let state = 0
  for (const character of pattern.split('')) {
    if (character === '*') setBit(stays, state)
    else setBit(character === '?' ? anyCharacter : placesOf(character), ++state)
  }
  for (const places of byCharacter.values())
    for (let i = 0; i < words; i++) places[i] = at(places, i) | at(anyCharacter, i)
  const states = new Int32Array(words)
  return (text) => {
    states.fill(0)
    states[0] = 1
    for (let t = 0; t < text.length; t++) {
      const places = byCharacter.get(text[t] as string) ?? anyCharacter
      let [carry, alive] = [0, 0]
      for (let i = 0; i < words; i++) {
        const now = at(states, i)
        const next = (now & at(stays, i)) | (((now << 1) | carry) & at(places, i))
        carry = now >>> 31
        states[i] = next
        alive |= next
      }
      if (alive === 0) return false
    }
    return (at(states, state >> 5) & (1 << (state & 31))) !== 0
  }
}

function setBit(words: Int32Array, bit: number): void {
  words[bit >> 5] = at(words, bit >> 5) | (1 << (bit & 31))
}

const at = (words: Int32Array, i: number): number => words[i] as number
