import type { Server } from 'node:net'
import { addressSubject } from '../access/back-off.ts'

/** Connections that a listener takes. */
export interface ConnectionLimits {
  /** Each takes a file descriptor, and what jobs open takes some, too: strangers must not use them up. */
  readonly all: number
  /** From one address, of IPv6 one /64: one neighbour must leave room for others. The loopback is not counted, a proxy there speaks for everybody. */
  readonly ofOne: number
}

/** What comes beyond its limit is closed before anything is read of it. */
export function limitConnections(server: Server, { all, ofOne }: ConnectionLimits): void {
  server.maxConnections = all
  const open = new Map<string, number>()
  server.on('connection', (socket) => {
    const from = addressSubject(socket.remoteAddress?.replace(/^::ffff:/, ''))?.key
    if (from === undefined) return
    const count = open.get(from) ?? 0
    if (count >= ofOne) {
      socket.destroy()
      return
    }
    open.set(from, count + 1)
    socket.once('close', () => {
      const left = (open.get(from) ?? 1) - 1
      if (left > 0) open.set(from, left)
      else open.delete(from)
    })
  })
}
