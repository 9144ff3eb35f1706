import { Readable, Transform, pipeline } from 'node:stream'

/** A page of 1,000 keys of the longest sort has 4 MB; only an object's body, which is read by its length, may have more. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024

/** Where `limitAnswers` goes in a client's `middlewareStack`: right behind the network. */
export const BEFORE_ANSWERS = { step: 'deserialize', priority: 'low', name: 'limitAnswers' } as const

/**
 * Middleware of an S3 client of AWS's SDK. That gathers an answer whole before it reads it: a server that never ends one would take all
 * memory.
 */
export function limitAnswers<Args extends object, Result>(
  next: (args: Args) => Promise<Result>,
  { commandName }: { readonly commandName?: string },
) {
  return async (args: Args): Promise<Result> => {
    const result = await next(args)
    const { response } = result as { response?: { body?: unknown; statusCode?: number } }
    const isObject = commandName === 'GetObjectCommand' && (response?.statusCode ?? 0) < 300
    if (!isObject && response?.body instanceof Readable)
      response.body = pipeline(response.body, limited(), () => undefined)
    return result
  }
}

function limited(): Transform {
  let bytes = 0
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length
      if (bytes <= MAX_ANSWER_BYTES) return done(null, chunk)
      done(
        Object.assign(new Error(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`), {
          name: 'AnswerTooLong',
        }),
      )
    },
  })
}
