import type { ResourceType } from '../kinds/kind.ts'
import { directoryDriver } from './directory/directory.ts'
import type { Driver } from './driver.ts'
import { postgresqlDriver } from './postgresql/postgresql.ts'
import { s3BucketDriver } from './s3-bucket/s3-bucket.ts'

const DRIVERS: Readonly<Record<ResourceType, Driver>> = {
  EFS: directoryDriver,
  RDS: postgresqlDriver,
  S3: s3BucketDriver,
}

/** The driver that backs up and restores resources of `type`. */
export function driverOf(type: ResourceType): Driver {
  return DRIVERS[type]
}
