import type { ReactNode } from 'react'
import type { Application, Operation } from '../../../api'

/** What every kind of change is given. */
export interface ChangeProps {
  org: string
  application: Application
  done: (operation: Operation) => void
  /** The way back without a change. */
  back: ReactNode
}

export const address = '/organizations/$org/environments/$env/applications/$app/change'
