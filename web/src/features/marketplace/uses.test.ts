import { describe, expect, it } from 'vitest'
import type { BlueprintUse } from '../../api'
import { usesByVersion } from './uses'

const use = (organization: string, environment: string, versions: Record<string, string[]>) =>
  ({
    kind: 'BlueprintUse',
    organization,
    environment,
    name: 'bp-a',
    versions: Object.entries(versions).map(([version, applications]) => ({ version, applications })),
  }) as BlueprintUse

describe('usesByVersion', () => {
  it('counts an Application once, and lists each place by version, newest first', () => {
    const { applications, versions } = usesByVersion([
      use('acme', 'acme-prod', { '1.9.0': ['shop'] }),
      use('acme', 'acme-dev', { '1.10.0': ['shop', 'cart'] }),
      use('kestrel', 'kestrel-dev', { '1.9.0': ['shop'] }),
    ])
    expect(applications).toBe(3)
    expect(versions.map(({ version, places }) => `${version}: ${places.map((place) => `${place.application}@${place.environment}`).join(' ')}`)).toEqual([
      '1.10.0: cart@acme-dev shop@acme-dev',
      '1.9.0: shop@acme-prod shop@kestrel-dev',
    ])
  })

  it('is nothing where nothing is', () => expect(usesByVersion([])).toEqual({ applications: 0, versions: [] }))
})
