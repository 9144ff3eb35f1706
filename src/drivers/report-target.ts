import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { LIST_FLAGS, codeOf, openPath, pathIn, reasonOf } from './directory/directory-paths.ts'
import type { Connection } from './driver.ts'
import { S3Clients, request } from './s3-bucket/s3-bucket-client.ts'

export interface ReportFile {
  /** ASCII parts with `/` between them; no part is empty, `.` or `..`. */
  readonly key: string
  readonly contentType: string
  readonly body: Uint8Array
  /** Of whoever writes it: names what is under way. */
  readonly jobId: string
}

/** Writes a file whole or not at all, in the place of one of the same key. */
export async function writeReport(
  type: 'EFS' | 'S3',
  connection: Connection,
  file: ReportFile,
  signal: AbortSignal,
): Promise<void> {
  await (type === 'S3' ? intoBucket(connection, file, signal) : intoDirectory(connection, file))
}

async function intoBucket(connection: Connection, file: ReportFile, signal: AbortSignal): Promise<void> {
  using clients = new S3Clients()
  const { client, settings } = clients.of(connection)
  const command = new PutObjectCommand({
    Bucket: settings.bucket,
    Key: file.key,
    Body: file.body,
    ContentLength: file.body.length,
    ContentMD5: createHash('md5').update(file.body).digest('base64'),
    ContentType: file.contentType,
  })
  await request(`Writing "${file.key}"`, signal, () => client.send(command, { abortSignal: signal }))
}

const CREATE_FLAGS =
  fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL | fs.constants.O_NOFOLLOW

/** Folders are entered by descriptor and no link is followed, so that what lies in the directory leads nowhere else. */
async function intoDirectory({ settings }: Connection, file: ReportFile): Promise<void> {
  const folders = file.key.split('/')
  const name = folders.pop() as string
  let fd = openPath(String(settings['path']), LIST_FLAGS)
  try {
    for (const folder of folders) {
      const next = enter(fd, folder)
      fs.closeSync(fd)
      fd = next
    }
    const staged = `.roleback-report-${file.jobId}`
    fs.rmSync(pathIn(fd, staged), { force: true })
    const out = fs.openSync(pathIn(fd, staged), CREATE_FLAGS, 0o640)
    try {
      fs.writeFileSync(out, file.body)
      fs.fsyncSync(out)
    } finally {
      fs.closeSync(out)
    }
    fs.renameSync(pathIn(fd, staged), pathIn(fd, name))
    fs.fsyncSync(fd)
  } catch (cause) {
    throw new Error(`Writing "${file.key}" failed: ${reasonOf(cause)}`, { cause })
  } finally {
    fs.closeSync(fd)
  }
}

function enter(fd: number, folder: string): number {
  try {
    fs.mkdirSync(pathIn(fd, folder), 0o750)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  }
  return fs.openSync(pathIn(fd, folder), LIST_FLAGS)
}
