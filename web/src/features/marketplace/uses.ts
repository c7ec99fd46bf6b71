import type { BlueprintUse } from '../../api'

/** One Application in one Environment. */
export interface Place {
  organization: string
  environment: string
  application: string
}

export interface VersionPlaces {
  version: string
  places: Place[]
}

/** Where a Blueprint is used, by version, the newest first. An Application counts once in all, however many Environments it is in. */
export function usesByVersion(uses: BlueprintUse[]): { applications: number; versions: VersionPlaces[] } {
  const byVersion = new Map<string, Place[]>()
  const applications = new Set<string>()
  for (const { organization = '', environment = '', versions } of uses) {
    for (const { version, applications: names } of versions ?? []) {
      const places = (names ?? []).map((application) => ({ organization, environment, application }))
      byVersion.set(version, [...(byVersion.get(version) ?? []), ...places])
      for (const place of places) applications.add(`${organization}/${place.application}`)
    }
  }
  const versions = [...byVersion]
    .map(([version, places]) => ({
      version,
      places: places.toSorted((a, b) => a.application.localeCompare(b.application) || a.environment.localeCompare(b.environment)),
    }))
    .toSorted((a, b) => b.version.localeCompare(a.version, undefined, { numeric: true }))
  return { applications: applications.size, versions }
}
