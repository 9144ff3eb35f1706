import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import { useState } from 'react'
import type { ReactNode } from 'react'
import type { Resource } from '../api/generated.ts'
import { queries } from '../api/queries.ts'
import { putTags, tagChanges } from '../api/tagging.ts'
import { awsCommand } from '../parts/aws-command.tsx'
import { Facts } from '../parts/facts.tsx'
import { FormDialog } from '../parts/form-dialog.tsx'
import { notify } from '../parts/notices.tsx'
import { TagFields } from '../parts/tag-fields.tsx'
import type { Tags } from '../parts/tag-fields.tsx'

/** By its tags plans choose a resource, and policies allow or refuse what is done with it. */
export function ResourceTags({
  resource,
  onChange,
}: {
  readonly resource: Resource
  readonly onChange: () => void
}): ReactNode {
  const [isEditing, setEditing] = useState(false)
  const tags = Object.fromEntries((resource.Tags ?? []).map(({ Key, Value }) => [Key, Value]))
  return (
    <Container
      header={
        <Header
          variant="h2"
          counter={`(${Object.keys(tags).length})`}
          description="Plans choose resources by them, and policies may ask for them."
          actions={<Button onClick={() => setEditing(true)}>Edit tags</Button>}
        >
          Tags
        </Header>
      }
    >
      {Object.keys(tags).length > 0 ? <Facts of={Object.entries(tags)} /> : 'None.'}
      {isEditing && (
        <EditTags
          resource={resource}
          before={tags}
          onClose={() => {
            setEditing(false)
            onChange()
          }}
        />
      )}
    </Container>
  )
}

function EditTags({
  resource: { ResourceArn: arn, DisplayName: name },
  before,
  onClose,
}: {
  readonly resource: Resource
  readonly before: Tags
  readonly onClose: () => void
}): ReactNode {
  const [after, setAfter] = useState(before)
  const { changed, gone } = tagChanges(before, after)
  const isChanged = gone.length > 0 || Object.keys(changed).length > 0
  return (
    <FormDialog
      title={`Tags of ${name}`}
      what="change its tags"
      action="Save"
      isReady={isChanged}
      command={isChanged ? commandOf(arn, changed, gone) : undefined}
      onClose={onClose}
      onSubmit={async () => {
        await putTags(arn, before, after)
        // Which plans take it may be another matter now.
        await queries.invalidateQueries({ queryKey: ['plans of', arn] })
        notify(`The tags of ${name} were changed.`)
      }}
    >
      <TagFields tags={after} onChange={setAfter} />
    </FormDialog>
  )
}

function commandOf(arn: string, changed: Tags, gone: readonly string[]): string {
  const names = { ResourceArnList: [arn] }
  const command = (operation: string, input: object): string =>
    awsCommand('resourcegroupstaggingapi', operation, { ...names, ...input })
  return [
    ...(gone.length > 0 ? [command('untag-resources', { TagKeys: gone })] : []),
    ...(Object.keys(changed).length > 0 ? [command('tag-resources', { Tags: changed })] : []),
  ].join('\n')
}
