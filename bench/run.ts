/**
 * `npm run bench -- vault|policy`: prints one line a figure, with the machine's load and a SHA-256 calibration beside them. Figures
 * against other tools are ratios of one call, taken in turn.
 */
const BENCHES: Readonly<Record<string, () => Promise<{ run(): Promise<void> }>>> = {
  policy: () => import('./policy.ts'),
  vault: () => import('./vault.ts'),
}

const chosen = process.argv.slice(2)
const unknown = chosen.filter((name) => BENCHES[name] === undefined)
if (chosen.length === 0 || unknown.length > 0) {
  process.stderr.write(`usage: npm run bench -- ${Object.keys(BENCHES).join('|')}\n`)
  process.exit(2)
}
for (const name of chosen) await (await BENCHES[name]?.())?.run()
