// The ages that the API tells are by the Sovereign's clock; the browser's may be minutes off.

let ahead = 0

/** Learns from an answer how far the Sovereign's clock is ahead of ours. The Date header tells whole seconds. */
export function compareClocks(date: string | null, sent: number, received: number): void {
  const server = date ? Date.parse(date) : Number.NaN
  if (Number.isNaN(server)) return
  ahead = server + 500 - (sent + received) / 2
}

/** The time by the Sovereign's clock, to the second. */
export function serverNow(): number {
  return Date.now() + ahead
}
