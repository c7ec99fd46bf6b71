export * from './types'
export * from './problem'
export { api } from './endpoints'
export * from './queries'
