import { screen, within } from '@testing-library/react'
import { describe, expect, it } from 'vitest'
import type { ActivityEntry, Application } from '../../api'
import { drawAt } from '../../testing/render'
import { ActivityList } from './ActivityList'
import { actorOf, commitUrl } from './entry'

const sha = 'c9b30f58ce9d6de6c9a8fd0eaa7b04ea6d9a0f4d'
const entries: ActivityEntry[] = [
  { at: '2026-11-21T12:03:00Z', type: 'warning', application: 'shop', summary: 'BackOff: restarting', reference: 'Pod/shop-1' },
  { at: '2026-11-21T12:02:00Z', type: 'operation', application: 'shop', actor: 'noor@acme.example', summary: 'install: Succeeded', reference: 'op-7' },
  { at: '2026-11-21T12:01:00Z', type: 'commit', application: 'shop', actor: 'noor@acme.example', summary: 'four pods', reference: sha },
  { at: '2026-11-21T12:00:00Z', type: 'commit', application: 'gone', actor: '', summary: 'bye', reference: sha },
]
const shop = { name: 'shop', repository: 'http://127.0.0.1:7092/acme/shop.git' } as Application

describe('ActivityList', () => {
  it('says who did what to what, newest first, and leads there', async () => {
    drawAt(<ActivityList org="acme" environment="acme-dev" entries={entries} applications={[shop]} />)
    const list = await screen.findByRole('list', { name: 'Activity in acme-dev' })
    const rows = within(list).getAllByRole('listitem')
    expect(rows.map((row) => row.querySelector('p')?.textContent)).toEqual(entries.map((entry) => entry.summary))
    const links = rows.map((row) => within(row).getAllByRole('link').map((link) => link.getAttribute('href')))
    const page = '/organizations/acme/environments/acme-dev/applications'
    expect(links).toEqual([
      [`${page}/shop`],
      [`${page}/shop`, `${page}/shop?operation=op-7`],
      [`${page}/shop`, `http://127.0.0.1:7092/acme/shop/commit/${sha}`],
      [`${page}/gone`],
    ])
    expect(rows[0]?.textContent).toContain('the cluster')
    expect(rows[1]?.textContent).toContain('noor@acme.example')
  })
})

describe('commitUrl', () => {
  it('leads nowhere but to the forge', () => {
    expect(commitUrl('javascript:alert(1)', sha)).toBeUndefined()
    expect(commitUrl('http://forge/acme/shop.git', '../../x')).toBeUndefined()
    expect(commitUrl(undefined, sha)).toBeUndefined()
  })
})

describe('actorOf', () => {
  it('names nobody who did nothing', () => expect(actorOf({ ...entries[0]!, actor: undefined })).toBe('the cluster'))
})
