import { useSuspenseQuery } from '@tanstack/react-query'
import { sessionQuery, type Person } from '../../api'

/** The person who is signed in. Only for what is drawn inside the shell, which nobody else sees. */
export function usePerson(): Person {
  const { data } = useSuspenseQuery(sessionQuery)
  if (!data) throw new Error('Nobody is signed in, and this part of the console is for people who are.')
  return data.person
}
