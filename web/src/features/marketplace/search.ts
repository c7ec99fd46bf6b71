import type { BlueprintCard } from '../../api'

/** Why a version is refused, as a sentence: the catalog says "is not signed". */
export function refusal(reason: string): string {
  return /^\p{Lu}/u.test(reason) ? reason : `This version ${reason.replace(/\.$/, '')}.`
}

/** Blueprints that hold every word of the query, those that begin with it first. */
export function search(blueprints: BlueprintCard[], query: string): BlueprintCard[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean)
  const rank = (title: string) => (words[0] && title.toLowerCase().startsWith(words[0]) ? 0 : 1)
  return blueprints
    .filter((each) => {
      const text = `${each.name} ${each.title} ${each.summary} ${each.category} ${each.owner ?? ''}`.toLowerCase()
      return words.every((word) => text.includes(word))
    })
    .toSorted((a, b) => rank(a.title) - rank(b.title) || a.title.localeCompare(b.title))
}
