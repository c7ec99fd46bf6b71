import { QueryClient } from '@tanstack/react-query'
import { screen } from '@testing-library/react'
import { describe, expect, it } from 'vitest'
import { setAsideQuery, type Person, type RoleName, type SetAside } from '../../api'
import { drawAt } from '../../testing/render'
import { PersonContext } from '../session/useSession'
import { bytes, SetAsideSection } from './SetAsideList'
import { Sources } from './Sources'

const aside = (name: string, changedAt: string, more: Partial<SetAside> = {}) =>
  ({ kind: 'SetAside', organization: 'acme', name, changedAt, subject: `ws.acme-dev.${name}`, sizeBytes: 1_258_291, reason: 'It is larger than 1 MiB.', ...more }) as SetAside
const person = (role: RoleName): Person => ({ subject: '1', email: 'a@b.example', name: 'A', roles: [{ role }] })

async function drawFor(role: RoleName, items: SetAside[]) {
  const client = new QueryClient({ defaultOptions: { queries: { staleTime: 60_000 } } })
  client.setQueryData(setAsideQuery.queryKey, items)
  drawAt(
    <PersonContext value={person(role)}>
      <p>drawn</p>
      <SetAsideSection />
    </PersonContext>,
    client,
  )
  await screen.findByText('drawn')
}

describe('what was set aside', () => {
  const items = [aside('old', '2026-11-20T08:00:00Z'), aside('new', '2026-11-21T08:00:00Z')]

  it('shows subject, size and reason to who administers the Sovereign, newest first', async () => {
    await drawFor('sovereign-admin', items)
    expect(screen.getByRole('heading', { name: 'Set aside' })).toBeTruthy()
    const rows = screen.getAllByRole('listitem').map((row) => row.textContent)
    expect(rows.map((row) => row?.slice(0, 15))).toEqual(['ws.acme-dev.new', 'ws.acme-dev.old'])
    expect(rows[0]).toContain('1.2 MiB')
    expect(rows[0]).toContain('It is larger than 1 MiB.')
  })

  it('is no section where there is nothing', async () => {
    await drawFor('sovereign-admin', [])
    expect(screen.queryByRole('heading')).toBeNull()
  })

  it.each(['security-officer', 'org-admin', 'org-viewer'] as const)('is hidden from a %s', async (role) => {
    await drawFor(role, items)
    expect(screen.queryByRole('heading')).toBeNull()
  })
})

describe('Sources', () => {
  it('says of each whether it can be heard, why not, and when it last was', () => {
    const heardAt = new Date().toISOString()
    drawAt(<Sources sources={[{ name: 'forge', reachable: true, heardAt }, { name: 'local', reachable: false, heardAt, message: 'connection refused' }]} />)
    return screen.findAllByRole('listitem').then((rows) =>
      expect(rows.map((row) => row.textContent)).toEqual(['GitHeardlast heard just now', 'Cluster localCannot be heardlast heard just nowconnection refused']),
    )
  })
})

describe('bytes', () => {
  it('reads well at any size', () => expect([812, 2048, 1_258_291].map(bytes)).toEqual(['812 B', '2.0 KiB', '1.2 MiB']))
})
