import ColumnLayout from '@cloudscape-design/components/column-layout'
import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import Multiselect from '@cloudscape-design/components/multiselect'
import Select from '@cloudscape-design/components/select'
import SpaceBetween from '@cloudscape-design/components/space-between'
import TimeInput from '@cloudscape-design/components/time-input'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { useScheduleSlips } from './schedule.ts'
import { WEEKDAYS, expressionOf, scheduleText, timetableOf } from './timetable.ts'
import type { Frequency, Timetable } from './timetable.ts'

const CUSTOM = 'custom'
const FREQUENCIES: readonly { readonly value: Frequency | typeof CUSTOM; readonly label: string }[] = [
  { value: 'hour', label: 'Hourly' },
  { value: 'half-day', label: 'Every 12 hours' },
  { value: 'day', label: 'Daily' },
  { value: 'week', label: 'Weekly' },
  { value: 'month', label: 'Monthly' },
  { value: CUSTOM, label: 'As I write it' },
]
const DAYS = [...Array.from({ length: 31 }, (_, at) => String(at + 1)), 'L'].map((value) => ({
  value,
  label: value === 'L' ? 'The last day' : value,
}))
const NIGHT: Timetable = { every: 'day', at: '00:30', weekdays: ['SUN'], day: '1' }

/** When something runs: how often and at what time, or as an expression, and by which clock. */
export function ScheduleField({
  expression,
  zone,
  onChange,
  onZone,
}: {
  readonly expression: string
  readonly zone: string
  readonly onChange: (expression: string) => void
  readonly onZone: (zone: string) => void
}): ReactNode {
  const [table, setTable] = useState(() => timetableOf(expression))
  const [wasLeft, setLeft] = useState(false)
  const slips = useScheduleSlips(expression, zone)
  const set = (next: Timetable | undefined): void => {
    setTable(next)
    const written = next && expressionOf(next)
    if (written !== undefined) onChange(written)
  }
  // What came in from elsewhere meanwhile, such as from the plan's JSON, is shown as it is.
  const shown = table !== undefined && isStale(table, expression) ? timetableOf(expression) : table
  const every = shown?.every ?? CUSTOM
  return (
    <SpaceBetween size="m">
      <FormField label="How often" description={every === 'hour' && `${scheduleText(expression)}.`} stretch>
        <Select
          selectedOption={FREQUENCIES.find(({ value }) => value === every) ?? null}
          options={FREQUENCIES}
          onChange={({ detail: { selectedOption } }) => {
            const value = selectedOption.value as Frequency | typeof CUSTOM
            if (value === CUSTOM) set(undefined)
            else set({ ...NIGHT, ...shown, every: value, ...(value === 'hour' && { at: '00:00' }) })
          }}
        />
      </FormField>
      {shown === undefined ? (
        <FormField
          label="Schedule"
          description="cron(minute hour day month weekday year) or rate(number unit)"
          errorText={wasLeft && slips.schedule}
          stretch
        >
          <Input
            value={expression}
            onBlur={() => setLeft(true)}
            onChange={({ detail }) => onChange(detail.value)}
          />
        </FormField>
      ) : (
        every !== 'hour' && <When of={shown} onChange={set} />
      )}
      <FormField
        label="Time zone"
        description="Where it has summer time, the schedule moves with it."
        errorText={slips.zone}
        stretch
      >
        <ZoneChoice zone={zone} onChange={onZone} />
      </FormField>
    </SpaceBetween>
  )
}

const UTC = 'UTC'
const ZONES = [UTC, ...Intl.supportedValuesOf('timeZone').filter((zone) => zone !== UTC)]

/** Every time zone that the browser knows, and the one that is set, which may have come by another of its names, such as CET. */
function ZoneChoice({
  zone,
  onChange,
}: {
  readonly zone: string
  readonly onChange: (zone: string) => void
}): ReactNode {
  const zones = zone === '' || ZONES.includes(zone) ? ZONES : [zone, ...ZONES]
  return (
    <Select
      selectedOption={zone === '' ? null : { value: zone, label: zone }}
      options={zones.map((value) => ({
        value,
        label: value,
        // Who looks for New York types no underscore.
        ...(value.includes('_') && { filteringTags: [value.replaceAll('_', ' ')] }),
      }))}
      filteringType="auto"
      filteringPlaceholder="Find by name"
      placeholder={UTC}
      empty="No time zone is called so"
      // They are hundreds, and a plan may have many rules.
      virtualScroll
      onChange={({ detail }) => onChange(detail.selectedOption.value ?? UTC)}
    />
  )
}

function isStale(table: Timetable, expression: string): boolean {
  const written = expressionOf(table)
  return written !== undefined && written !== expression
}

/** The days and the time of a timetable, as far as it has some. */
function When({
  of: table,
  onChange,
}: {
  readonly of: Timetable
  readonly onChange: (next: Timetable) => void
}): ReactNode {
  const { every, at, weekdays, day } = table
  const [wasLeft, setLeft] = useState(false)
  const isWrong = expressionOf({ ...table, weekdays: ['SUN'] }) === undefined
  return (
    <ColumnLayout columns={2}>
      {every === 'week' && (
        <FormField label="On" errorText={weekdays.length === 0 && 'Choose a weekday.'}>
          <Multiselect
            selectedOptions={weekdays.map((value) => ({ value, label: WEEKDAYS[value] ?? value }))}
            options={Object.entries(WEEKDAYS).map(([value, label]) => ({ value, label }))}
            placeholder="Choose weekdays"
            deselectAriaLabel={({ label }) => `Not on ${label ?? ''}`}
            onChange={({ detail }) =>
              onChange({ ...table, weekdays: detail.selectedOptions.map(({ value = '' }) => value) })
            }
          />
        </FormField>
      )}
      {every === 'month' && (
        <FormField
          label="On day"
          constraintText={Number(day) > 28 && 'Months that have no such day are left out.'}
        >
          <Select
            selectedOption={DAYS.find(({ value }) => value === day) ?? null}
            options={DAYS}
            onChange={({ detail }) => onChange({ ...table, day: detail.selectedOption.value ?? '1' })}
          />
        </FormField>
      )}
      <FormField
        label="Start time"
        constraintText={every === 'half-day' && 'And 12 hours later.'}
        errorText={wasLeft && isWrong && 'A time of day, such as 02:30.'}
      >
        <TimeInput
          value={at}
          format="hh:mm"
          placeholder="hh:mm"
          onBlur={() => setLeft(true)}
          onChange={({ detail }) => onChange({ ...table, at: detail.value })}
        />
      </FormField>
    </ColumnLayout>
  )
}
