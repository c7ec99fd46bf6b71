import { IconEarOff } from '@tabler/icons-react'
import type { Doubt } from './freshness'
import classes from './FreshnessBanner.module.css'

/** Says over every page why it may not be believed. It stays in the document also while it is empty, so that it is read out when it is not. */
export function FreshnessBanner({ doubts }: { doubts: Doubt[] }) {
  return (
    // oxlint-disable-next-line jsx-a11y/prefer-tag-over-role -- an output holds phrases, and this holds a list
    <div role="status" aria-live="polite" aria-label="Freshness">
      {doubts.length > 0 && (
        <ul className={classes.banner}>
          {doubts.map((doubt) => (
            <li key={doubt.key} className={classes.doubt}>
              <IconEarOff size={16} aria-hidden className={classes.icon} />
              <span>{doubt.text}</span>
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}
