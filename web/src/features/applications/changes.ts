/** What can be asked of an Application on the page of a change, as it stands in its address. */
export const changes = ['upgrade', 'rollback', 'pause', 'resume', 'uninstall'] as const
export type Change = (typeof changes)[number]

export interface ChangeSearch {
  action: Change
  /** With upgrade: the version to go to. */
  version?: string
  /** With rollback: the commit to go back to. */
  commit?: string
  /** With uninstall: also what was installed for it alone. */
  withDependencies?: boolean
  /** With uninstall: out of every Environment. */
  everywhere?: boolean
}
