import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'
import type { Browser, Page } from 'playwright-core'

/** Debian's Chromium; `npm test` installs it where it may. */
const CHROMIUM = '/usr/bin/chromium'

/** A busy machine draws slowly; what comes at all comes within this. */
const PATIENCE_MS = 120_000

export const missing: string | false = existsSync(CHROMIUM)
  ? false
  : 'Chromium (/usr/bin/chromium) is not installed; npm test installs it as root on Debian'

export async function launch(): Promise<Browser> {
  return await chromium.launch({
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
  mfaCode: string = '',
): Promise<void> {
  page.setDefaultTimeout(PATIENCE_MS)
  await page.goto(`${url}/console/`)
  await page.getByLabel('Access key ID').fill(key.accessKeyId)
  await page.getByLabel('Secret access key').fill(key.secretAccessKey)
  await page.getByLabel(/^MFA code/).fill(mfaCode)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await shows(page, page.getByRole('heading', { level: 1, name: 'Overview' }))
}

/** Waits like `locator.waitFor`, and says what stood on the page instead where it did not come. */
export async function shows(
  page: Page,
  what: ReturnType<Page['getByText']>,
  ms: number = PATIENCE_MS,
): Promise<void> {
  try {
    await what.first().waitFor({ timeout: ms })
  } catch (error) {
    const text = await page.locator('main, body').first().innerText()
    throw new Error(`${String(error)}\nThe page says:\n${text}`, { cause: error })
  }
}
