/** Work of one key goes one after the other, however much of it is asked for at once; that of different keys goes beside each other. */
export class OneByOne {
  readonly #last = new Map<string, Promise<unknown>>()

  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const mine = after(this.#last.get(key), work)
    this.#last.set(key, mine)
    try {
      return await mine
    } finally {
      if (this.#last.get(key) === mine) this.#last.delete(key)
    }
  }
}

async function after<T>(before: Promise<unknown> | undefined, work: () => Promise<T>): Promise<T> {
  // Whoever asked for it hears how it ended.
  await before?.catch(() => undefined)
  return await work()
}
