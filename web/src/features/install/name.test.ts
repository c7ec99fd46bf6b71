import { describe, expect, it } from 'vitest'
import { checkName, firstName, freeName, slug } from './name'

const none: ReadonlySet<string> = new Set()

describe('slug', () => {
  it.each([
    ['Größe & Co.', 'grosse-co'],
    ['My Shop', 'my-shop'],
    ['--shop--', 'shop'],
    ['3 little pigs', 'little-pigs'],
    ['Ærø', 'aero'],
    ['shop_front.end', 'shop-front-end'],
    ['日本', ''],
    ['x'.repeat(80), 'x'.repeat(40)],
    [`${'x'.repeat(39)}-y`, 'x'.repeat(39)],
  ])('makes %j %j', (text, want) => expect(slug(text)).toBe(want))
})

describe('freeName', () => {
  it.each([
    ['shop', [], 'shop'],
    ['shop', ['shop'], 'shop-2'],
    ['shop', ['shop', 'shop-2', 'shop-3'], 'shop-4'],
    ['shop-2', ['shop-2'], 'shop-3'],
    ['日本', [], 'app'],
  ])('of %j where %j are taken is %j', (wanted, taken, want) => {
    expect(freeName(wanted, new Set(taken))).toBe(want)
  })

  it('stays within the length that is allowed', () => {
    const long = 'x'.repeat(40)
    const name = freeName(long, new Set([long]))
    expect(name).toHaveLength(40)
    expect(checkName(name, none).ok).toBe(true)
  })
})

describe('firstName', () => {
  it('is the Blueprint without its prefix, or the next that is free', () => {
    expect(firstName('bp-podinfo', none)).toBe('podinfo')
    expect(firstName('bp-podinfo', new Set(['podinfo']))).toBe('podinfo-2')
  })
})

describe('checkName', () => {
  it.each(['a', 'shop', 'shop-2', 'a1-b2', 'x'.repeat(40)])('accepts %j', (name) => expect(checkName(name, none)).toEqual({ ok: true }))

  it.each([
    ['', undefined],
    ['Shop', 'shop'],
    ['1shop', 'shop'],
    ['shop-', 'shop'],
    ['shop front', 'shop-front'],
    ['x'.repeat(41), 'x'.repeat(40)],
    ['catalog', 'my-catalog'],
    ['kube-dns', 'my-kube-dns'],
    ['shop-values', 'my-shop-values-app'],
  ])('refuses %j and offers %j', (name, suggestion) => {
    const check = checkName(name, none)
    expect(check).toMatchObject({ ok: false, suggestion })
    expect(check.message).toBeTruthy()
  })

  it('refuses what is taken', () => {
    expect(checkName('shop', new Set(['shop']))).toMatchObject({ ok: false, suggestion: 'shop-2' })
  })

  it('never offers what it would refuse', () => {
    const taken = new Set(['shop', 'app', 'a'])
    const typed = ['Shop', 'A', '!', '-', '9', 'app!', 'x'.repeat(200), 'é'.repeat(90), 'flux', 'x-values-overlay', 'catalyst-values']
    const offered = typed.map((name) => checkName(name, taken).suggestion)
    expect(offered.filter((name) => name === undefined || !checkName(name, taken).ok)).toEqual([])
  })
})
