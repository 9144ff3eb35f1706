/** Whether every operation has its row in test/wire/rights-matrix.txt; whether the rows are true is for the test to say. */
import { unplaced } from '../test/wire/rights-matrix.ts'

const missing = unplaced()
for (const name of missing) process.stderr.write(`${name} has no row in test/wire/rights-matrix.txt\n`)
if (missing.length > 0) {
  process.stderr.write(
    'Give each a row, with everybody who may call it, in the section that fits what it does.\n',
  )
  process.exit(1)
}
