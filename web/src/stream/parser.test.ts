import { describe, expect, it } from 'vitest'
import { Parser, type ServerEvent } from './parser'

function parse(chunks: string[]) {
  const events: ServerEvent[] = []
  const parser = new Parser((event) => events.push(event))
  for (const chunk of chunks) parser.feed(chunk)
  return { events, lastId: parser.lastId }
}

const stream = 'event: put\ndata: {"a":1}\n\nid: e.x-7\nevent: synced\ndata: {}\n\n: heartbeat\nid: e.x-9\n\n'

describe('Parser', () => {
  it('reads events, and ids where there are any', () => {
    expect(parse([stream]).events).toEqual([
      { id: undefined, event: 'put', data: '{"a":1}' },
      { id: 'e.x-7', event: 'synced', data: '{}' },
    ])
  })

  it('moves the id on at a heartbeat', () => expect(parse([stream]).lastId).toBe('e.x-9'))

  it('does not care where the network cuts', () => {
    expect(parse([...stream])).toEqual(parse([stream]))
  })

  it('takes any line break, also one that is cut in two', () => {
    const crlf = stream.replaceAll('\n', '\r\n')
    expect(parse([crlf])).toEqual(parse([stream]))
    expect(parse([...crlf])).toEqual(parse([stream]))
  })

  it('joins lines of data', () => expect(parse(['data: a\ndata:b\ndata\n\n']).events).toEqual([{ id: undefined, event: 'message', data: 'a\nb\n' }]))

  it('drops an event that is not whole', () => expect(parse(['event: put\ndata: {"a"']).events).toEqual([]))
})
