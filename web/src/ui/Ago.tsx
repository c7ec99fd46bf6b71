import { instant, span, useNow } from './time'

/** How long ago something was: "changed 3 s ago", with the exact time in the title. */
export function Ago({ at, prefix = '', never = 'not yet' }: { at: string | undefined; prefix?: string; never?: string }) {
  const now = useNow()
  const then = instant(at)
  if (then === undefined) return <span>{prefix ? `${prefix} ${never}` : never}</span>
  return (
    <time dateTime={at} title={new Date(then).toLocaleString()} className="tabular">
      {prefix ? `${prefix} ` : ''}
      {now - then < 1500 ? 'just now' : `${span(now - then)} ago`}
    </time>
  )
}

/** How long something took, or has been running. */
export function Elapsed({ from, to }: { from: string | undefined; to?: string }) {
  const now = useNow()
  const start = instant(from)
  if (start === undefined) return null
  const end = instant(to) ?? now
  return <span className="tabular">{end - start < 1000 && instant(to) ? '< 1 s' : span(end - start)}</span>
}
