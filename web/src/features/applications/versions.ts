import type { BlueprintVersion } from '../../api'

/** One version of a Blueprint, as a person chooses it. */
export interface VersionOption {
  value: string
  label: string
  disabled: boolean
}

/** The newest version that may be installed, where that is newer than what runs. The catalog lists the newest first. */
export function newest(versions: BlueprintVersion[], current: string): string | undefined {
  const now = versions.findIndex((each) => each.version === current)
  const next = versions.findIndex((each) => each.installable)
  const found = versions[next]
  // A version that the catalog has forgotten cannot be compared with the others.
  return now > next && found && !found.version.includes('-') ? found.version : undefined
}

export function versionOptions(versions: BlueprintVersion[], current: string): VersionOption[] {
  const now = versions.findIndex((each) => each.version === current)
  return versions.map(({ version, installable, reason }, i) => {
    const place = version === current ? 'runs now' : now < 0 ? '' : i < now ? 'newer' : 'older'
    const why = installable ? '' : (reason ?? 'is refused by the catalog').replace(/\.$/, '')
    const told = [place, why].filter(Boolean).join(', ')
    return { value: version, label: told ? `${version}: ${told}` : version, disabled: version === current || !installable }
  })
}
