import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { afterEach } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { chromium } from 'playwright-core'
import type { Browser, Locator, Page } from 'playwright-core'

/** Debian's Chromium; `npm test` installs it where it may. */
const CHROMIUM = '/usr/bin/chromium'

/** A busy machine draws slowly; what comes at all comes within this. */
const PATIENCE_MS = 120_000

/** After this a choice that does not show was not taken. */
const TAKEN_MS = 10_000
const ATTEMPTS = 3

export const missing: string | false = existsSync(CHROMIUM)
  ? false
  : 'Chromium (/usr/bin/chromium) is not installed; npm test installs it as root on Debian'

const browsers: Browser[] = []

// Whatever a test waited for in vain, what stood on its pages says why. Not where a script takes pictures or measures.
if (process.env['NODE_TEST_CONTEXT'] !== undefined)
  afterEach(async (context) => {
    if (!('passed' in context) || context.passed) return
    for (const page of browsers.flatMap((browser) => browser.contexts()).flatMap((one) => one.pages()))
      context.diagnostic(`When it failed, ${page.url()} said:\n${await textOf(page)}`)
  })

export async function launch(): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: [
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
  browser.on('context', (context) => context.setDefaultTimeout(PATIENCE_MS))
  browsers.push(browser)
  return browser
}

async function textOf(page: Page): Promise<string> {
  return await page.locator('main, body').first().innerText()
}

/** What the page itself complained of: exceptions, and whatever its content security policy refused. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = []
  page.on('pageerror', (error) => void complaints.push(error.message))
  page.on('console', (message) => {
    if (/Content Security Policy|Content-Security-Policy/.test(message.text()))
      complaints.push(message.text())
  })
  return complaints
}

export async function signInWithKey(
  page: Page,
  url: string,
  key: { readonly accessKeyId: string; readonly secretAccessKey: string },
  mfaCode: () => string = () => '',
): Promise<void> {
  await page.goto(`${url}/console/`)
  await page.getByLabel('Access key ID').fill(key.accessKeyId)
  await page.getByLabel('Secret access key').fill(key.secretAccessKey)
  // Made when it is needed: it is good for a minute, which a busy machine takes to load a page.
  await page.getByLabel(/^MFA code/).fill(mfaCode())
  await page.getByRole('button', { name: 'Sign in' }).click()
  await shows(page, page.getByRole('heading', { level: 1, name: 'Overview' }))
}

/** Waits like `locator.waitFor`, and says what stood on the page instead where it did not come. */
export async function shows(page: Page, what: Locator, ms: number = PATIENCE_MS): Promise<void> {
  try {
    await what.first().waitFor({ timeout: ms })
  } catch (error) {
    throw new Error(`${String(error)}\nThe page says:\n${await textOf(page)}`, { cause: error })
  }
}

/**
 * Chooses of a Select, which it opens, and waits until the field shows what was chosen.
 * @param find What is typed to find it; without it the option is among the first.
 */
export async function choose(field: Locator, option: Locator, find?: string): Promise<void> {
  const page = field.page()
  let label = ''
  await untilTaken(
    async () => {
      if ((await field.getAttribute('aria-expanded')) !== 'true') await field.click()
      if (find !== undefined) await page.getByPlaceholder('Find by name').filter({ visible: true }).fill(find)
      await shows(page, option)
      label = (await option.first().innerText()).split('\n')[0] ?? ''
      await option.first().click()
    },
    async (timeout) => await shows(page, field.filter({ hasText: label }), timeout),
    `${String(field)} shows what was chosen`,
  )
}

/** Chooses of an open Multiselect, which stays open, and waits until the option is ticked. */
export async function tick(option: Locator): Promise<void> {
  const page = option.page()
  const ticked = option.and(page.locator('[aria-selected="true"]'))
  await untilTaken(
    async () => {
      await shows(page, option)
      if (!(await ticked.isVisible())) await option.click()
    },
    async (timeout) => await shows(page, ticked, timeout),
    `${String(option)} is ticked`,
  )
}

/** Chooses of what a text field suggests, and waits until the field has it. */
export async function suggest(field: Locator, option: Locator): Promise<void> {
  const page = field.page()
  await untilTaken(
    async () => {
      await field.click()
      await shows(page, option)
      await option.first().click()
    },
    async (timeout) => {
      const input = await field.elementHandle()
      await page.waitForFunction((of) => (of as HTMLInputElement).value !== '', input, { timeout })
    },
    `${String(field)} has what was suggested`,
  )
}

/** Asks again until the answer is this one: what a page does about an action shows a moment later. */
export async function becomes<T>(ask: () => T | Promise<T>, expected: T): Promise<void> {
  const since = performance.now()
  for (;;) {
    const answer = await ask()
    if (isDeepStrictEqual(answer, expected)) return
    if (performance.now() - since > PATIENCE_MS) assert.deepEqual(answer, expected)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/**
 * Where something above comes late, the list moves between the press and the release of the mouse, which the driver looks at only
 * once: another option is hit, or none. Whoever sees that clicks again; what is never taken is told with what stood on the page.
 */
async function untilTaken(
  click: () => Promise<void>,
  taken: (timeoutMs: number) => Promise<void>,
  what: string,
): Promise<void> {
  for (let attempt = 1; attempt < ATTEMPTS; attempt += 1) {
    await click()
    try {
      return await taken(TAKEN_MS)
    } catch {
      process.stderr.write(`A click was not taken (${attempt}): not so that ${what}\n`)
    }
  }
  await click()
  await taken(PATIENCE_MS)
}
