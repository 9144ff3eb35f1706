import type { Connection } from '../driver.ts'

/** An absolute path of the connection. @throws Where it is missing or has a form that can mean two things. */
export function folderSetting({ settings }: Connection, name: 'path' | 'restoreRoot'): string {
  const path = settings[name]
  if (path === undefined || path === '') {
    throw new Error(`The connection has no ${name}: set it to a directory, then try again`)
  }
  if (typeof path !== 'string' || !isPlainPath(path)) {
    throw new Error(`The connection's ${name} "${path}" must be an absolute path without "." or ".." in it`)
  }
  return path.length > 1 ? path.replace(/\/+$/, '') : path
}

function isPlainPath(path: string): boolean {
  return (
    path.startsWith('/') &&
    !path.includes('\0') &&
    !path.split('/').some((part) => part === '.' || part === '..')
  )
}
