import { useParams } from '@tanstack/react-router'
import BlueprintPage from './BlueprintPage'

export default function BlueprintRoute() {
  const { blueprint } = useParams({ from: '/marketplace/$blueprint' })
  return <BlueprintPage blueprint={blueprint} />
}
