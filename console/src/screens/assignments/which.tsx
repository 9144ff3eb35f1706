import Container from '@cloudscape-design/components/container'
import ExpandableSection from '@cloudscape-design/components/expandable-section'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import RadioGroup from '@cloudscape-design/components/radio-group'
import Select from '@cloudscape-design/components/select'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Textarea from '@cloudscape-design/components/textarea'
import type { ReactNode } from 'react'
import { SELECTABLE } from './draft.ts'
import type { Draft, OfType, Selectable } from './draft.ts'
import { ResourceChoice } from './resource-choice.tsx'
import { AnyTags, Conditions } from './tag-rows.tsx'
import { typeName } from '../../parts/format.ts'

interface WhichProps {
  readonly draft: Draft
  readonly onChange: (draft: Draft) => void
}

/** Which resources: what is included, what of it is left out, and what its tags must say. */
export function Which({ draft, onChange }: WhichProps): ReactNode {
  return (
    <SpaceBetween size="l">
      <Container header={<Header variant="h2">Which resources</Header>}>
        <SpaceBetween size="m">
          <RadioGroup
            value={draft.isAll ? 'all' : 'some'}
            ariaLabel="Which resources"
            onChange={({ detail }) => onChange({ ...draft, isAll: detail.value === 'all' })}
            items={[
              {
                value: 'all',
                label: 'Include all resource types',
                description: 'Also what is registered later, of every type that is opted in.',
              },
              { value: 'some', label: 'Include specific resource types' },
            ]}
          />
          {!draft.isAll && <Specific draft={draft} onChange={onChange} />}
        </SpaceBetween>
      </Container>
      <Container
        header={
          <Header variant="h2" description="Of what is included, these are not backed up by this assignment.">
            Exclude resources (optional)
          </Header>
        }
      >
        <SpaceBetween size="m">
          <FormField label="Resources" stretch>
            <ResourceChoice
              label="Excluded resources"
              type={undefined}
              chosen={draft.excluded}
              onChange={(excluded) => onChange({ ...draft, excluded })}
            />
          </FormField>
          <Patterns
            label="Excluded ARNs"
            value={draft.excludedPatterns}
            onChange={(excludedPatterns) => onChange({ ...draft, excludedPatterns })}
          />
        </SpaceBetween>
      </Container>
      <Container
        header={
          <Header
            variant="h2"
            description="Of what is included, only what all of these hold for. In a value that is matched, * stands for anything."
          >
            Refine by tags (optional)
          </Header>
        }
      >
        <Conditions
          conditions={draft.conditions}
          onChange={(conditions) => onChange({ ...draft, conditions })}
        />
      </Container>
    </SpaceBetween>
  )
}

function Specific({ draft, onChange }: WhichProps): ReactNode {
  const set = (type: Selectable, of: OfType): void =>
    onChange({ ...draft, types: { ...draft.types, [type]: of } })
  return (
    <SpaceBetween size="m">
      {SELECTABLE.map((type) => (
        <Type key={type} type={type} of={draft.types[type]} onChange={(of) => set(type, of)} />
      ))}
      <FormField
        label="By tags"
        description="Also whatever has any of these tags, of every type that is opted in."
        stretch
      >
        <AnyTags tags={draft.tags} onChange={(tags) => onChange({ ...draft, tags })} />
      </FormField>
      <Patterns
        label="Included ARNs"
        value={draft.patterns}
        onChange={(patterns) => onChange({ ...draft, patterns })}
      />
    </SpaceBetween>
  )
}

const OF_TYPE = [
  { value: 'none', label: 'None' },
  { value: 'all', label: 'All, and those of later' },
  { value: 'some', label: 'Those that I choose' },
] as const

function Type({
  type,
  of,
  onChange,
}: {
  readonly type: Selectable
  readonly of: OfType
  readonly onChange: (of: OfType) => void
}): ReactNode {
  const value = typeof of === 'string' ? of : 'some'
  return (
    <FormField label={`${typeName(type)} (${type})`} stretch>
      <SpaceBetween size="xs">
        <Select
          ariaLabel={typeName(type)}
          options={OF_TYPE}
          selectedOption={OF_TYPE.find((one) => one.value === value) ?? null}
          onChange={({ detail: { selectedOption } }) =>
            onChange(selectedOption.value === 'some' ? [] : (selectedOption.value as 'all' | 'none'))
          }
        />
        {typeof of !== 'string' && (
          <ResourceChoice
            label={`Chosen of the type ${typeName(type)}`}
            type={type}
            chosen={of}
            onChange={onChange}
          />
        )}
      </SpaceBetween>
    </FormField>
  )
}

function Patterns({
  label,
  value,
  onChange,
}: {
  readonly label: string
  readonly value: string
  readonly onChange: (value: string) => void
}): ReactNode {
  return (
    <ExpandableSection headerText={`${label}, with wildcards`}>
      <FormField label={label} description="One a line; * stands for anything." stretch>
        <Textarea value={value} rows={3} onChange={({ detail }) => onChange(detail.value)} />
      </FormField>
    </ExpandableSection>
  )
}
