import { QueryErrorResetBoundary } from '@tanstack/react-query'
import { Component, type ReactNode } from 'react'
import { Trouble } from '../ui/Trouble'

interface Props {
  reset: () => void
  children: ReactNode
}

class Catch extends Component<Props, { error: unknown }> {
  override state = { error: null as unknown }

  static getDerivedStateFromError(error: unknown) {
    return { error }
  }

  private readonly retry = () => {
    this.props.reset()
    this.setState({ error: null })
  }

  override render() {
    return this.state.error ? <Trouble error={this.state.error} retry={this.retry} /> : this.props.children
  }
}

/** Keeps what failed to draw to its own part of the page. */
export function Boundary({ children }: { children: ReactNode }) {
  return <QueryErrorResetBoundary>{({ reset }) => <Catch reset={reset}>{children}</Catch>}</QueryErrorResetBoundary>
}
