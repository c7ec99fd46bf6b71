import { instant } from '../../ui/time'

/** How long a plan can still be carried out, in milliseconds; 0 once it has expired. */
export function remaining(expiresAt: string, now: number): number {
  const end = instant(expiresAt)
  // A plan that does not say when it ends is the server's to refuse.
  return end === undefined ? Number.POSITIVE_INFINITY : Math.max(0, end - now)
}

/** Plans are called short of time for their last minutes. */
export const running = (left: number) => left > 0 && left <= 5 * 60_000

/** How long until something happens again: "in 8 s", "in 2 min", "now". */
export function until(at: string | undefined, now: number): string | undefined {
  const then = instant(at)
  if (then === undefined) return undefined
  const s = Math.ceil((then - now) / 1000)
  if (s <= 0) return 'now'
  return s < 120 ? `in ${s} s` : `in ${Math.ceil(s / 60)} min`
}
