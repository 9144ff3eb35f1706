import { answerOf, errorAnswer } from './fault-proxy.ts'
import type { Fault, Faults, SeenRequest } from './fault-proxy.ts'

/** What networks and busy services do to requests: loaded by the proxy that stands in front of the real service. */

/** A fault that hits every `nth` request of those that it is for. */
const every = (nth: number, isFor: (seen: SeenRequest) => boolean, fault: Fault) => (): Fault => {
  let count = 0
  return (seen, tools) => (isFor(seen) && ++count % nth === 0 ? fault(seen, tools) : undefined)
}
/** The first one alone. */
const once = (isFor: (seen: SeenRequest) => boolean, fault: Fault) => (): Fault => {
  let isOver = false
  return (seen, tools) => {
    if (isOver || !isFor(seen)) return undefined
    isOver = true
    return fault(seen, tools)
  }
}
const any = (): boolean => true
const isChange = ({ method }: SeenRequest): boolean => method !== 'GET' && method !== 'HEAD'
const isListing = ({ query }: SeenRequest): boolean => query.has('list-type')
const isRead = (seen: SeenRequest): boolean => seen.method === 'GET' && !isListing(seen)
const isComplete = ({ method, query }: SeenRequest): boolean => method === 'POST' && query.has('uploadId')
const isPut = ({ method, body }: SeenRequest): boolean => method === 'PUT' && body.length > 0
const isWholeRead = (seen: SeenRequest): boolean => isRead(seen) && seen.headers['range'] === undefined
const isOfClaims = ({ query }: SeenRequest): boolean => query.get('prefix')?.includes('/tmp/claims/') === true

const say =
  (status: number, body: string): Fault =>
  (_, { answer }) =>
    Promise.resolve(answer(answerOf(status, body, { etag: '"x"' })))
const refuse =
  (status: number, code: string): Fault =>
  (_, { answer }) =>
    Promise.resolve(answer(errorAnswer(status, code)))

function flipped(body: Buffer): Buffer {
  const other = Buffer.from(body)
  other[other.length >> 1] = (other[other.length >> 1] as number) ^ 1
  return other
}

const EMPTY_LISTING = '<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>'
const TRUNCATED = '<ListBucketResult><IsTruncated>true</IsTruncated>'
const FALSE_COMPLETE = '<CompleteMultipartUploadResult><ETag>"x"</ETag></CompleteMultipartUploadResult>'

/** Everything that a store asks must come out right all the same. */
const THROUGH: Faults = {
  'the answer lost after the effect': every(2, isChange, async (_, { forward, reset }) => {
    await forward()
    reset()
  }),
  'every change done twice': every(1, isChange, async (_, { forward, answer }) => {
    await forward()
    answer(await forward())
  }),
  'a change that takes effect once more after its repetition': every(
    3,
    isPut,
    async (_, { forward, reset }) => {
      reset()
      await forward()
    },
  ),
  '500 InternalError': every(3, any, refuse(500, 'InternalError')),
  '503 SlowDown': every(3, any, refuse(503, 'SlowDown')),
  '429 TooManyRequests': every(3, any, refuse(429, 'TooManyRequests')),
  '408 RequestTimeout': every(3, any, refuse(408, 'RequestTimeout')),
  'a clock that is out': every(3, ({ method }) => method !== 'HEAD', refuse(403, 'RequestTimeTooSkewed')),
  'connections reset before the answer': every(3, any, (_, { reset }) => Promise.resolve(reset())),
  'answers that never come': every(8, any, () => new Promise(() => undefined)),
  '200 with an Error in its body after a complete': once(isComplete, (_, { answer }) =>
    Promise.resolve(answer({ ...errorAnswer(500, 'InternalError'), status: 200 })),
  ),
  'an empty body after a complete': once(isComplete, say(200, '')),
  'a page of HTML after a complete': once(isComplete, say(200, '<html>busy</html>')),
  'a complete that is said to be done and is not': once(isComplete, say(200, FALSE_COMPLETE)),
  'answers cut off in the middle': every(2, isRead, async (_, { forward, cut }) => {
    const answer = await forward()
    cut(answer, answer.body.length >> 1)
  }),
  'a put that is said to be done and is not': every(2, isPut, (_, { answer }) =>
    Promise.resolve(answer(answerOf(200, ''))),
  ),
  'bytes changed on the way in': every(2, isPut, async ({ body }, { forward, answer }) =>
    answer(await forward({ body: flipped(body) })),
  ),
  'bytes of whole blobs changed on the way out': once(isWholeRead, async (_, { forward, answer }) => {
    const real = await forward()
    answer({ ...real, body: flipped(real.body) })
  }),
  'an ETag of other bytes': every(2, isPut, async (_, { forward, answer }) => {
    const real = await forward()
    answer({ ...real, headers: { ...real.headers, etag: `"${'0'.repeat(32)}"` } })
  }),
  'a listing that is HTML': every(2, isListing, say(200, '<html>busy</html>')),
  'a listing that goes on without a token': every(2, isListing, say(200, `${TRUNCATED}</ListBucketResult>`)),
  'a listing that goes on with a blank token': every(
    2,
    isListing,
    say(200, `${TRUNCATED}<NextContinuationToken></NextContinuationToken></ListBucketResult>`),
  ),
  'a listing that does not show yet what was just written': once(isOfClaims, say(200, EMPTY_LISTING)),
}

let at = 0
const pages: Fault = (seen, { answer }) => {
  const name = seen.query.get('prefix') ?? ''
  const page = at++ % 3
  const tail =
    page === 2
      ? '<IsTruncated>false</IsTruncated>'
      : `<IsTruncated>true</IsTruncated><NextContinuationToken>t${page}</NextContinuationToken>`
  const key = `${name}${page === 1 ? 'p0' : `p${page}`}`
  const entry = `<Contents><Key>${key}</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified><Size>1</Size></Contents>`
  return Promise.resolve(answer(answerOf(200, `<ListBucketResult>${entry}${tail}</ListBucketResult>`)))
}

export const FAULTS: Faults = {
  ...THROUGH,
  'every second request fails': every(2, any, refuse(503, 'SlowDown')),
  'a listing of one object a page, one of them twice': every(1, isListing, pages),
  'the same continuation token again': every(
    1,
    isListing,
    say(200, `${TRUNCATED}<NextContinuationToken>t</NextContinuationToken></ListBucketResult>`),
  ),
  'an expired token': every(1, any, refuse(403, 'ExpiredToken')),
  'parts that are never taken': every(1, ({ query }) => query.has('partNumber'), refuse(503, 'SlowDown')),
  'listings that never show anything': every(1, isListing, say(200, EMPTY_LISTING)),
  'two deletions that are said to be done and are not': () => {
    let lies = 2
    return ({ method, query }, { answer }) =>
      (method === 'DELETE' || query.has('delete')) && lies-- > 0
        ? Promise.resolve(answer(answerOf(204, '')))
        : undefined
  },
  ...Object.fromEntries(
    [0, 1, 2, 3, 4].map((part) => [
      `a reset after ${part * 64} KiB`,
      every(1, isRead, async (_, { forward, cut }) => cut(await forward(), part * 64 * 1024)),
    ]),
  ),
}

export const WORKED_THROUGH: readonly string[] = Object.keys(THROUGH)

/** Those that need a blob in parts to hit. */
export const OF_PARTS: RegExp = /complete|lost|twice|once more|SlowDown/
