/**
 * XML as the query APIs answer it: elements and text. Attributes are passed over; comments, CDATA and document types do not occur
 * and are refused, so that nothing can expand.
 */

export interface XmlElement {
  readonly name: string
  readonly children: readonly XmlElement[]
  /** The text directly inside. */
  readonly text: string
}

/** Answers nested deeper than this are refused. */
const MAX_DEPTH = 60

/** @throws {SyntaxError} When this is not one well-formed element. */
export function parseXml(xml: string): XmlElement {
  const source = xml.replace(/^\uFEFF?\s*<\?xml[^>]*\?>/, '').trim()
  const token = /<(\/?)([A-Za-z_][\w.-]*)((?:\s+[\w:.-]+="[^"<]*")*)\s*(\/?)>|([^<]+)/y
  const root: Open = { name: '', children: [], text: '' }
  const open: Open[] = [root]
  while (token.lastIndex < source.length) {
    const at = token.lastIndex
    const match = token.exec(source)
    const current = open.at(-1) as Open
    if (match === null) throw new SyntaxError(`unexpected markup at character ${at}`)
    const [, slash, name, , selfClosing, text] = match
    if (text !== undefined) current.text += unescapeXml(text)
    else if (slash === '/') close(open, name as string)
    else {
      const element: Open = { name: name as string, children: [], text: '' }
      current.children.push(element)
      if (selfClosing !== '/') open.push(element)
      if (open.length > MAX_DEPTH) throw new SyntaxError('elements are nested too deeply')
    }
  }
  const [only] = root.children
  if (open.length !== 1 || only === undefined || root.children.length !== 1 || root.text.trim() !== '')
    throw new SyntaxError('there is not exactly one whole element')
  return only
}

interface Open {
  readonly name: string
  readonly children: Open[]
  text: string
}

function close(open: Open[], name: string): void {
  if (open.length < 2 || open.pop()?.name !== name) throw new SyntaxError(`</${name}> closes nothing`)
}

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function unescapeXml(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(/&(?:#x([\da-fA-F]{1,6})|#(\d{1,7})|([a-z]+));/g, (whole, hex, decimal, name) => {
    if (name !== undefined) return NAMED[name as string] ?? (whole as string)
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex as string, 16)
    return code <= 0x10ffff ? String.fromCodePoint(code) : '\ufffd'
  })
}

export function childNamed(element: XmlElement, name: string): XmlElement | undefined {
  return element.children.find((child) => child.name === name)
}
