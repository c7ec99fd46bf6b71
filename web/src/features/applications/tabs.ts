/** The tabs of an Application's page, as they stand in its address. */
export const tabs = ['overview', 'settings', 'history', 'git'] as const
export type Tab = (typeof tabs)[number]
