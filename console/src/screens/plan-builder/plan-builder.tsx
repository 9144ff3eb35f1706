import Alert from '@cloudscape-design/components/alert'
import Container from '@cloudscape-design/components/container'
import FormField from '@cloudscape-design/components/form-field'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Wizard from '@cloudscape-design/components/wizard'
import type { WizardProps } from '@cloudscape-design/components/wizard'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { useNavigate } from 'react-router'
import { newRule, rulesSlip } from './draft.ts'
import type { Draft } from './draft.ts'
import { ReviewStep } from './review-step.tsx'
import { RulesStep } from './rules-step.tsx'
import { commandOf, savePlan } from './save.ts'
import type { Present } from './save.ts'
import { StartStep } from './start-step.tsx'
import { isName } from '../../parts/name-field.tsx'
import { notify } from '../../parts/notices.tsx'
import { Problem } from '../../parts/problem.tsx'
import { TagFields } from '../../parts/tag-fields.tsx'
import { useSubmit } from '../../parts/submit.ts'

/** A plan step by step: one that is made, or, where there is one, its next version. */
export function PlanBuilder({
  present,
  firstVault,
}: {
  readonly present?: Present
  readonly firstVault: string | undefined
}): ReactNode {
  const navigate = useNavigate()
  const scratch: Draft = { name: '', rules: [newRule('daily', firstVault)], tags: {} }
  const [draft, setDraft] = useState<Draft>(present?.draft ?? scratch)
  const [step, setStep] = useState(0)
  const [isTried, setTried] = useState(false)
  /** Where a later part of saving failed: the plan that there is already, so that another try does not make a second one. */
  const [made, setMade] = useState(present)
  const back = present === undefined ? '/plans' : `/plans/${encodeURIComponent(present.id)}`

  const { error, isBusy, onSubmit } = useSubmit(async () => {
    const id = await savePlan(draft, made, setMade)
    notify(
      present === undefined
        ? `Backup plan ${draft.name} was created. Assign resources to it next.`
        : `Backup plan ${draft.name} has a new version.`,
    )
    await navigate(`/plans/${encodeURIComponent(id)}${present === undefined ? '/assign' : ''}`)
  })

  const nameSlip =
    draft.name === ''
      ? 'The plan needs a name.'
      : isName('plan', draft.name)
        ? undefined
        : 'Its name is not allowed.'
  const slip = rulesSlip(draft)
  const steps: readonly (WizardProps.Step & { readonly slip?: string | undefined })[] = [
    ...(present === undefined
      ? [
          {
            title: 'Start',
            content: <StartStep draft={draft} scratch={scratch} onChange={setDraft} />,
            slip: nameSlip,
          },
        ]
      : []),
    { title: 'Rules', content: <RulesStep draft={draft} onChange={setDraft} />, slip },
    {
      title: 'Tags',
      isOptional: true,
      content: (
        <Container>
          <FormField label="Tags of the plan" stretch>
            <TagFields tags={draft.tags} onChange={(tags) => setDraft({ ...draft, tags })} />
          </FormField>
        </Container>
      ),
    },
    {
      title: 'Review',
      content: (
        <SpaceBetween size="l">
          {error !== undefined && (
            <Problem
              error={error}
              what={present === undefined ? 'create this backup plan' : 'change this backup plan'}
            />
          )}
          {made !== present && <Alert type="warning">{SAVED_IN_PART}</Alert>}
          <ReviewStep
            draft={draft}
            onChange={setDraft}
            command={commandOf(draft, present)}
            present={
              present === undefined ? undefined : { id: present.id, ruleNames: ruleNames(present.draft) }
            }
          />
        </SpaceBetween>
      ),
      slip: nameSlip ?? slip,
    },
  ]
  const goTo = (next: number): void => {
    const current = steps[step]?.slip
    setTried(current !== undefined && next > step)
    if (current === undefined || next < step) setStep(next)
  }
  return (
    <Wizard
      steps={steps.map(({ slip: what, ...one }, at) => ({
        ...one,
        ...(isTried && at === step && what !== undefined && { errorText: what }),
      }))}
      activeStepIndex={step}
      allowSkipTo={present !== undefined}
      isLoadingNextStep={isBusy}
      submitButtonText={present === undefined ? 'Create plan' : 'Save as a new version'}
      i18nStrings={WORDS}
      onNavigate={({ detail }) => goTo(detail.requestedStepIndex)}
      onCancel={() => void navigate(back)}
      onSubmit={() => {
        if (steps[step]?.slip === undefined) onSubmit({ preventDefault: () => undefined })
        else setTried(true)
      }}
    />
  )
}

const SAVED_IN_PART =
  'The plan is saved; what could not be saved with it is tried again when you submit again.'

const ruleNames = ({ rules }: Draft): readonly string[] => rules.map(({ rule }) => rule.RuleName ?? '')

const WORDS: WizardProps.I18nStrings = {
  stepNumberLabel: (step) => `Step ${step}`,
  collapsedStepsLabel: (step, all) => `Step ${step} of ${all}`,
  skipToButtonLabel: ({ title }) => `Skip to ${title.toLowerCase()}`,
  navigationAriaLabel: 'Steps',
  cancelButton: 'Cancel',
  previousButton: 'Previous',
  nextButton: 'Next',
  optional: 'optional',
}
