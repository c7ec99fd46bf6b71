import { createContext, useContext } from 'react'
import type { Person } from '../../api'

/** Who is signed in. It holds one person for as long as the shell is drawn, also while a session is just ending. */
export const PersonContext = createContext<Person | null>(null)

/** The person who is signed in. Only for what is drawn inside the shell, which nobody else sees. */
export function usePerson(): Person {
  const person = useContext(PersonContext)
  if (!person) throw new Error('Nobody is signed in, and this part of the console is for people who are.')
  return person
}
