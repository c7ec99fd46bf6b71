// The rules are those of provisioning, which decides; here they spare the person a round trip.
const longest = 40
const reserved = new Set(['shared-blueprints', 'catalog', 'system', 'catalyst', 'flux', 'default', 'kubernetes'])
const isReserved = (name: string) => reserved.has(name) || /^(catalyst|kube)-/.test(name) || /-(blueprint|values|values-overlay)$/.test(name)

export interface NameCheck {
  ok: boolean
  message?: string
  suggestion?: string
}

/** The nearest DNS label to whatever was typed: "Größe & Co." becomes "grosse-co". */
export function slug(text: string): string {
  return text
    .replaceAll('ß', 'ss')
    .replaceAll(/[æÆ]/g, 'ae')
    .replaceAll(/[øØ]/g, 'o')
    .normalize('NFKD')
    .replaceAll(/\p{Mark}/gu, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, longest)
    .replace(/-+$/, '')
}

/** The first free name of wanted, wanted-2, wanted-3 … */
export function freeName(wanted: string, taken: ReadonlySet<string>): string {
  let base = slug(wanted) || 'app'
  if (isReserved(base)) base = slug(`my-${base}`)
  if (isReserved(base)) base = `${base.slice(0, longest - 4)}-app`
  if (!taken.has(base)) return base
  const stem = base.replace(/-\d+$/, '')
  for (let n = 2; ; n++) {
    const tail = `-${n}`
    const candidate = stem.slice(0, longest - tail.length).replace(/-+$/, '') + tail
    if (!taken.has(candidate)) return candidate
  }
}

/** The name that is offered first: what the Blueprint is called, if that is still free. */
export function firstName(blueprint: string, taken: ReadonlySet<string>): string {
  return freeName(blueprint.replace(/^bp-/, ''), taken)
}

/** Says whether a name can be an Application of the Organization, and if not why, and what could. */
export function checkName(name: string, taken: ReadonlySet<string>): NameCheck {
  const wrong = reason(name)
  if (wrong) {
    const better = freeName(name, taken)
    return { ok: false, message: wrong, suggestion: name && better !== name ? better : undefined }
  }
  if (taken.has(name)) {
    return { ok: false, message: 'An Application of this Organization has this name already.', suggestion: freeName(name, taken) }
  }
  return { ok: true }
}

function reason(name: string): string | undefined {
  if (name === '') return 'Give the Application a name.'
  if (name.length > longest) return `At most ${longest} characters; this has ${name.length}.`
  if (/[^a-z0-9-]/.test(name)) return 'Only lower-case letters a–z, digits and hyphens.'
  if (!/^[a-z]/.test(name)) return 'It must begin with a letter.'
  if (isReserved(name)) return 'This name is reserved for what Catalyst keeps itself.'
  if (name.endsWith('-')) return 'It must end with a letter or a digit.'
  return undefined
}
