import type { Person, Role, RoleName } from '../../api'

// What the console offers. The services decide: this only spares people buttons that would be refused.

const holds = (role: Role, org: string, envType?: string) =>
  (role.organization ?? '') === org && (!role.envType || !envType || role.envType === envType)

/** May this person install, configure and uninstall in this Organization (and Environment type, if told)? */
export function canWrite(person: Person, org: string, envType?: string): boolean {
  return (person.roles ?? []).some(
    (role) =>
      role.role === 'sovereign-admin' || ((role.role === 'org-admin' || role.role === 'org-developer') && holds(role, org, envType)),
  )
}

/** Does this person administer the Sovereign as a whole? */
export const isSovereignAdmin = (person: Person) => (person.roles ?? []).some((role) => role.role === 'sovereign-admin')

export const roleTitles: Record<RoleName, string> = {
  'sovereign-admin': 'administers the Sovereign',
  'security-officer': 'reads everything, to audit',
  'org-admin': 'administers the Organization',
  'org-developer': 'installs and configures Applications',
  'org-viewer': 'reads',
}

export function whyReadOnly(org: string): string {
  return `Your role in ${org} is to read. An org-admin can make you an org-developer.`
}
