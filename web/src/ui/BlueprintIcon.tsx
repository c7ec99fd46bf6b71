import classes from './BlueprintIcon.module.css'

/** The icon of a Blueprint, or its initial where it has none. */
export function BlueprintIcon({ icon, name, size = 40 }: { icon?: string; name: string; size?: number }) {
  const initial = name.replace(/^bp-/, '').charAt(0).toUpperCase()
  return (
    <span className={classes.tile} style={{ width: size, height: size, fontSize: size * 0.44 }} aria-hidden>
      {icon ? <img src={icon} alt="" width={size * 0.62} height={size * 0.62} /> : initial}
    </span>
  )
}
