/** One event as it came over the wire. Its id is that of the newest `id:` line so far, as the standard has it. */
export interface ServerEvent {
  id?: string
  event: string
  data: string
}

/**
 * Parser reads the text/event-stream format. A block that has an id and no data is no event, but it moves the id on:
 * the gateway's heartbeats do so, so that a quiet stream can be resumed as well.
 */
export class Parser {
  lastId: string | undefined
  private rest = ''
  private event = ''
  private data: string[] = []

  constructor(private readonly onEvent: (event: ServerEvent) => void) {}

  feed(text: string): void {
    this.rest += text
    // A carriage return at the very end may be half of a line break.
    const lines = this.rest.split(/\r\n|\n|\r(?!$)/)
    this.rest = lines.pop() ?? ''
    for (const line of lines) this.line(line)
  }

  private line(line: string): void {
    if (line === '') return this.dispatch()
    const colon = line.indexOf(':')
    if (colon === 0) return // a comment
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'event') this.event = value
    else if (field === 'data') this.data.push(value)
    else if (field === 'id' && !value.includes('\0')) this.lastId = value || undefined
  }

  private dispatch(): void {
    if (this.data.length > 0) this.onEvent({ id: this.lastId, event: this.event || 'message', data: this.data.join('\n') })
    this.event = ''
    this.data = []
  }
}
