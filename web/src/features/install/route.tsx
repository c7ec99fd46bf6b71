import { useSuspenseQuery } from '@tanstack/react-query'
import { useParams, useSearch } from '@tanstack/react-router'
import { blueprintQuery } from '../../api'
import { NotFound } from '../../ui/Trouble'
import InstallPage from './InstallPage'

/** The install page of the version in the address, or of the newest that may be installed. */
export default function InstallRoute() {
  const { blueprint } = useParams({ from: '/marketplace/$blueprint/install' })
  const { version } = useSearch({ from: '/marketplace/$blueprint/install' })
  const { data } = useSuspenseQuery(blueprintQuery(blueprint))
  const chosen = version ?? data.version
  if (!chosen) return <NotFound detail={`No version of ${blueprint} can be installed.`} />
  return <InstallPage blueprint={blueprint} version={chosen} />
}
