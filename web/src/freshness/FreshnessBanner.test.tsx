import { screen } from '@testing-library/react'
import { describe, expect, it } from 'vitest'
import { draw } from '../testing/render'
import { FreshnessBanner } from './FreshnessBanner'

describe('FreshnessBanner', () => {
  it('is there for screen readers before it says anything', () => {
    draw(<FreshnessBanner doubts={[]} />)
    const banner = screen.getByRole('status')
    expect(banner.getAttribute('aria-live')).toBe('polite')
    expect(banner.textContent).toBe('')
  })

  it('says each doubt', () => {
    draw(<FreshnessBanner doubts={[{ key: 'a', everything: true, text: 'Nothing has been heard.' }, { key: 'b', everything: false, text: 'Git cannot be heard.' }]} />)
    expect(screen.getAllByRole('listitem').map((each) => each.textContent)).toEqual(['Nothing has been heard.', 'Git cannot be heard.'])
  })
})
