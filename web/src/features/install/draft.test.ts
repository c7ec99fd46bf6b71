import { act, renderHook } from '@testing-library/react'
import { beforeEach, describe, expect, it } from 'vitest'
import { useDraft } from './draft'

const open = () => renderHook(() => useDraft('bp-shop', '1.0.0')).result

beforeEach(() => sessionStorage.clear())

describe('useDraft', () => {
  it('survives leaving and coming back', () => {
    const draft = open()
    act(() => draft.current.change({ environment: 'acme-dev', name: 'shop', size: 'small', step: 2 }))
    act(() => draft.current.change({ choices: { db: { use: 'existing', application: 'pg' } }, values: { replicas: 3 } }))
    expect(open().current.draft).toEqual({
      step: 2, environment: 'acme-dev', name: 'shop', size: 'small', values: { replicas: 3 }, choices: { db: { use: 'existing', application: 'pg' } },
    })
  })

  it('forgets choices that another Environment cannot keep', () => {
    const draft = open()
    act(() => draft.current.change({ environment: 'acme-dev' }))
    act(() => draft.current.change({ choices: { db: { use: 'existing', application: 'pg' } } }))
    act(() => draft.current.change({ environment: 'acme-dev', name: 'shop' }))
    expect(draft.current.draft.choices).not.toEqual({})
    act(() => draft.current.change({ environment: 'acme-stg' }))
    expect(draft.current.draft.choices).toEqual({})
  })

  it('is over once it was sent', () => {
    const draft = open()
    act(() => draft.current.change({ name: 'shop', step: 2 }))
    act(() => draft.current.forget())
    expect(open().current.draft).toEqual({ step: 0, values: {}, choices: {} })
  })

  it('reads what an older console kept', () => {
    sessionStorage.setItem('catalyst-install/bp-shop@1.0.0', JSON.stringify({ step: 1, name: 'shop', values: { a: 1 }, idempotencyKey: 'k' }))
    expect(open().current.draft).toMatchObject({ step: 1, name: 'shop', values: { a: 1 }, choices: {} })
  })
})
