import { screen } from '@testing-library/react'
import { describe, expect, it } from 'vitest'
import type { Application } from '../../api'
import { draw } from '../../testing/render'
import { Problems, ProblemsMark, setting } from './Problems'

const commit = '0123456789abcdef0123456789abcdef01234567'
const wrong = { code: 'invalid_values', severity: 'error' as const, file: 'overlays/dev/values.yaml', line: 3, pointer: '/resources/cpu', message: 'must be text', commit }
const doubtful = { code: 'unchecked', severity: 'warning' as const, file: 'application.yaml', message: 'could not be checked', commit }

const shop = (problems: Application['problems'], repository = 'http://127.0.0.1:7092/acme/shop.git') => ({ problems, repository }) as Application

describe('Problems', () => {
  it('tells file, line and sentence, and leads to the commit', () => {
    draw(<Problems application={shop([wrong, doubtful])} />)
    expect(screen.getAllByRole('listitem').map((row) => row.textContent)).toEqual(['Erroroverlays/dev/values.yamlline 3resources.cpu must be text', 'Warningapplication.yaml could not be checked'])
    expect(screen.getByRole('link').getAttribute('href')).toBe(`http://127.0.0.1:7092/acme/shop/commit/${commit}`)
  })

  it('leads nowhere where the forge has no page', () => {
    draw(<Problems application={shop([wrong], 'git@forge:acme/shop.git')} />)
    expect(screen.queryByRole('link')).toBeNull()
    expect(screen.getByText('0123456')).toBeTruthy()
  })

  it('takes no place where nothing is wrong', () => {
    for (const none of [null, []]) {
      const { container } = draw(
        <div data-testid="empty">
          <Problems application={shop(none)} />
          <ProblemsMark application={shop(none)} />
        </div>,
      )
      expect(container.querySelector('[data-testid="empty"]')?.childElementCount).toBe(0)
    }
  })

  it('marks a card by the worst of them', () => {
    draw(<ProblemsMark application={shop([wrong, doubtful])} />)
    const mark = screen.getByText('2 problems in Git')
    expect(mark.className).toContain('bad')
    expect(mark.getAttribute('title')).toBe('overlays/dev/values.yaml: must be text')
    draw(<ProblemsMark application={shop([doubtful])} />)
    expect(screen.getByText('1 problem in Git').className).toContain('warn')
  })

  it('writes a setting as people do', () => {
    expect(setting('/a~1b/0/c~0d')).toBe('a/b.0.c~d')
  })
})
