import type { ActivityEntry, Application } from '../../api'

/** The page of a commit at the forge, where the repository's clone URL tells where that is. */
export function commitUrl(repository: string | undefined, sha: string): string | undefined {
  if (!repository || !/^https?:\/\//.test(repository) || !/^[0-9a-f]{7,64}$/.test(sha)) return undefined
  return `${repository.replace(/\.git$/, '')}/commit/${sha}`
}

/** The repository of an Application, whichever of its Environments is known. */
export function repositoryOf(applications: Application[], name: string): string | undefined {
  return applications.find((each) => each.name === name)?.repository
}

/** Who did it: a person, or what speaks where no person did anything. */
export function actorOf({ type, actor }: ActivityEntry): string {
  if (actor) return actor
  return type === 'warning' ? 'the cluster' : 'somebody unknown'
}
