import Button from '@cloudscape-design/components/button'
import { useEffect, useState } from 'react'
import type { ReactNode } from 'react'
import { Actions } from './layout.tsx'

const SHOWN = 8

/** Action names that go on with what is written before the caret; undefined where no action is being written there. */
export function completionsOf(
  text: string,
  caret: number,
  names: readonly string[],
): { readonly from: number; readonly names: readonly string[] } | undefined {
  const written = /"([\w-]{1,40}:?[\w*]*)$/.exec(text.slice(0, caret))?.[1]
  if (written === undefined || /[\w*]/.test(text.charAt(caret))) return undefined
  const begun = written.toLowerCase()
  const found = names.filter((name) => name.toLowerCase().startsWith(begun) && name !== written)
  return found.length === 0 ? undefined : { from: caret - written.length, names: found.slice(0, SHOWN) }
}

/** Buttons below a document that write the rest of an action's name. */
export function Completion({
  text,
  caret,
  onChoose,
}: {
  readonly text: string
  readonly caret: number
  readonly onChoose: (text: string) => void
}): ReactNode {
  const [names, setNames] = useState<readonly string[]>([])
  useEffect(() => {
    // A list of a thousand names: only who writes a policy needs it.
    void import('virtual:action-names').then(({ ACTION_NAMES }) => setNames(ACTION_NAMES))
  }, [])
  const found = completionsOf(text, caret, names)
  if (found === undefined) return null
  return (
    <div role="group" aria-label="Complete the action">
      <Actions>
        {found.names.map((name) => (
          <Button key={name} onClick={() => onChoose(text.slice(0, found.from) + name + text.slice(caret))}>
            {name}
          </Button>
        ))}
      </Actions>
    </div>
  )
}
