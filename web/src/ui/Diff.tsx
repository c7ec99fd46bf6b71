import classes from './Diff.module.css'

// More than this nobody reads in a box.
const most = 2000

function kindOf(line: string): string | undefined {
  if (line.startsWith('+++') || line.startsWith('---') || line.startsWith('@@')) return classes.place
  if (line.startsWith('+')) return classes.added
  return line.startsWith('-') ? classes.removed : undefined
}

/** What changes in a text, as a unified diff says it: the signs at the beginning carry the meaning, the colours help. */
export function Diff({ diff, label }: { diff: string; label: string }) {
  const lines = diff.replace(/\n$/, '').split('\n')
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a region that scrolls must be reachable by keyboard
    <pre className={classes.diff} tabIndex={0} aria-label={label}>
      <code className={classes.lines}>
        {lines.slice(0, most).map((line, i) => (
          // oxlint-disable-next-line react/no-array-index-key -- lines have no other identity, and never move
          <span key={i} className={`${classes.line} ${kindOf(line) ?? ''}`}>
            {line || ' '}
            {'\n'}
          </span>
        ))}
        {lines.length > most && <span className={`${classes.line} ${classes.place}`}>… and {lines.length - most} more lines</span>}
      </code>
    </pre>
  )
}

/** How many lines come and go: "+3 −1". */
export function sizeOf(diff: string): string {
  const lines = diff.split('\n')
  const count = (sign: string) => lines.filter((line) => line.startsWith(sign) && !line.startsWith(sign.repeat(3))).length
  return `+${count('+')} −${count('-')}`
}
