import assert from 'node:assert/strict'
import { test } from 'node:test'
import { askAgain } from './ask-again.ts'

test('askAgain() goes on after an error, tells a refusal once and asks no more behind it', async () => {
  const answers = [undefined, new Error('away'), undefined, 'the role lost the right', undefined]
  let asked = 0
  const errors: unknown[] = []
  const reason = await new Promise<string>((onRefused) => {
    askAgain({
      ask: async () => {
        const answer = answers[asked++]
        if (answer instanceof Error) throw answer
        return await Promise.resolve(answer)
      },
      everyMs: 1,
      onRefused,
      onError: (error) => errors.push(error),
    })
  })
  assert.equal(reason, 'the role lost the right')
  assert.deepEqual(errors, [answers[1]])
  await new Promise((resolve) => setTimeout(resolve, 20))
  assert.equal(asked, 4)
})

test('askAgain() tells nothing of an asking that was under way when it ended', async () => {
  const told: unknown[] = []
  let answer: (text: string) => void = () => undefined
  const answered = new Promise<string>((resolve) => (answer = resolve))
  await new Promise<void>((resolve) => {
    const stop = askAgain({
      ask: () => {
        stop()
        resolve()
        return answered
      },
      everyMs: 1,
      onRefused: (reason) => told.push(reason),
      onError: (error) => told.push(error),
    })
  })
  answer('too late')
  await new Promise((resolve) => setTimeout(resolve, 20))
  assert.deepEqual(told, [])
})
