import '../../parts/parts.css'
import FormField from '@cloudscape-design/components/form-field'
import Textarea from '@cloudscape-design/components/textarea'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { parsePlan, planOf, withPlan } from './draft.ts'
import type { Draft } from './draft.ts'

const ROWS = 16

/** The draft's document as JSON. Written in either place it is the same draft; what is no plan changes nothing. */
export function PlanJson({
  draft,
  onChange,
}: {
  readonly draft: Draft
  readonly onChange: (draft: Draft) => void
}): ReactNode {
  const now = JSON.stringify(planOf(draft), null, 2)
  const [written, setWritten] = useState<{ readonly text: string; readonly slip: string }>()
  return (
    <FormField
      label="JSON"
      description="As aws backup create-backup-plan takes it."
      errorText={written?.slip}
      stretch
    >
      <div className="code">
        <Textarea
          value={written?.text ?? now}
          rows={ROWS}
          spellcheck={false}
          onBlur={() => {
            if (written?.slip === '') setWritten(undefined)
          }}
          onChange={({ detail: { value: text } }) => {
            try {
              onChange(withPlan(draft, parsePlan(text)))
              setWritten({ text, slip: '' })
            } catch (failure) {
              setWritten({ text, slip: (failure as Error).message })
            }
          }}
        />
      </div>
    </FormField>
  )
}
