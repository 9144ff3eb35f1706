import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../lib/clock.ts'
import type { Clock } from '../lib/clock.ts'
import type { ObjectStore } from './object-store.ts'

/** How many bytes a second may go over the line, by hour of the day. Hours that no window names have no limit. */
export interface BandwidthSchedule {
  /** IANA name, e.g. `Europe/Berlin`; hours are those of its clocks. */
  readonly timeZone: string
  readonly windows: readonly BandwidthWindow[]
}

export interface BandwidthWindow {
  /** 0 to 23. */
  readonly fromHour: number
  /** 1 to 24; not above `fromHour` where the window spans midnight. */
  readonly toHour: number
  /** Both ways together, at least MIN_BYTES_PER_SECOND. */
  readonly bytesPerSecond: number
}

/** Slower than this a part of an upload takes longer than services keep a connection. */
const MIN_BYTES_PER_SECOND = 64 * 1024
/** A limit that ends at the full hour is seen within so long. */
const LOOK_AGAIN_MS = 60_000

/**
 * Lets bytes through no faster than the schedule says: whoever sends waits until what went before has had its time. A request goes
 * out whole, so that the line may be busy for one part of an upload and then silent; over a minute the limit holds.
 */
export class BandwidthLimit {
  readonly #schedule: BandwidthSchedule
  readonly #clock: Clock
  readonly #sleep: (ms: number) => Promise<unknown>
  readonly #hours: Intl.DateTimeFormat
  /** By the monotonic clock: when all that was let through has had its time. */
  #busyUntil = 0

  constructor(
    schedule: BandwidthSchedule,
    clock: Clock = systemClock,
    wait: (ms: number) => Promise<unknown> = sleep,
  ) {
    for (const window of schedule.windows) checkWindow(window)
    this.#schedule = schedule
    this.#clock = clock
    this.#sleep = wait
    this.#hours = new Intl.DateTimeFormat('en', {
      hour: 'numeric',
      hourCycle: 'h23',
      timeZone: schedule.timeZone,
    })
  }

  /** Resolves when `bytes` may go. */
  async take(bytes: number): Promise<void> {
    for (;;) {
      const rate = this.rateAt(this.#clock.now())
      const now = this.#clock.monotonic()
      if (rate === undefined) {
        this.#busyUntil = now
        return
      }
      const waitMs = this.#busyUntil - now
      if (waitMs <= 0) {
        this.#busyUntil = now + (bytes / rate) * 1000
        return
      }
      await this.#sleep(Math.min(waitMs, LOOK_AGAIN_MS))
    }
  }

  /** Counts bytes that came without having been announced; who comes next waits for them. */
  add(bytes: number): void {
    const rate = this.rateAt(this.#clock.now())
    if (rate === undefined) return
    this.#busyUntil = Math.max(this.#busyUntil, this.#clock.monotonic()) + (bytes / rate) * 1000
  }

  /** Bytes a second; undefined where there is no limit. The first window that has the hour decides. */
  rateAt(now: number): number | undefined {
    const hour = Number(this.#hours.format(now))
    return this.#schedule.windows.find((window) => hasHour(window, hour))?.bytesPerSecond
  }
}

function checkWindow({ fromHour, toHour, bytesPerSecond }: BandwidthWindow): void {
  const isHour = (hour: number): boolean => Number.isInteger(hour) && hour >= 0 && hour <= 24
  if (isHour(fromHour) && isHour(toHour) && bytesPerSecond >= MIN_BYTES_PER_SECOND) return
  throw new RangeError(
    `Cannot limit bandwidth to ${bytesPerSecond} bytes/s from ${fromHour} to ${toHour}: hours are 0 to 24, and less than ${MIN_BYTES_PER_SECOND} bytes/s is no line`,
  )
}

function hasHour({ fromHour, toHour }: BandwidthWindow, hour: number): boolean {
  return fromHour < toHour ? hour >= fromHour && hour < toHour : hour >= fromHour || hour < toHour
}

/** The same store, within a limit that several may share. */
export function throttled(objects: ObjectStore, limit: BandwidthLimit): ObjectStore {
  return {
    list: (prefix, next) => objects.list(prefix, next),
    head: (key) => objects.head(key),
    get: async (key, what) => {
      await limit.take('length' in what ? what.length : 0)
      const got = await objects.get(key, what)
      if (!('length' in what)) limit.add(got?.bytes.length ?? 0)
      return got
    },
    put: async (key, bytes, retention) => {
      await limit.take(bytes.length)
      await objects.put(key, bytes, retention)
    },
    delete: (keys) => objects.delete(keys),
    beginUpload: (key, retention) => objects.beginUpload(key, retention),
    uploadPart: async (upload, number, bytes) => {
      await limit.take(bytes.length)
      return await objects.uploadPart(upload, number, bytes)
    },
    completeUpload: (upload, parts) => objects.completeUpload(upload, parts),
    abortUpload: (upload) => objects.abortUpload(upload),
    listUploads: (prefix) => objects.listUploads(prefix),
    features: () => objects.features(),
    retention: (key) => objects.retention(key),
    retain: (key, retention, isGoverned) => objects.retain(key, retention, isGoverned),
    close: () => objects.close(),
  }
}
