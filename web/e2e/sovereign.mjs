// What the journeys need of the Sovereign beside the browser: where it is, a person's own git, and a look from outside.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

const need = (name) => {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set: run this by \`make test\`, which starts a Sovereign`)
  return value
}

export const url = need('CATALYST_URL')
export const gitea = need('CATALYST_GITEA_URL')
export const artifacts = join(import.meta.dirname, '../../artifacts')
mkdirSync(artifacts, { recursive: true })

export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  })

/** A page that collects what went wrong in it. */
export async function open(browser, options) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(30_000)
  const troubles = []
  page.on('pageerror', (error) => troubles.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('status of 401')) troubles.push(message.text())
  })
  return { page, troubles }
}

/** Goes through the issuer's own form. */
export async function signIn(page, email) {
  await page.goto(`${url}/auth/login?return_to=/marketplace`)
  await page.check(`input[name="username"][value="${email}"]`, { force: true })
  await page.fill('input[name="password"]', 'catalyst')
  await page.click('button[type="submit"]')
  await page.waitForURL(`${url}/marketplace`)
}

/** A clone of an Application's repo on a person's own machine. */
export function clone(username, repo, branch) {
  const dir = mkdtempSync(join(tmpdir(), 'catalyst-journey-'))
  const remote = new URL(gitea)
  remote.username = username
  remote.password = 'catalyst'
  remote.pathname = `/${repo}.git`
  const git = (...args) => execFileSync('git', args, { cwd: dir, encoding: 'utf8', env: { ...process.env, GIT_TERMINAL_PROMPT: '0' } }).trim()
  git('clone', '--quiet', '--branch', branch, remote.href, '.')
  git('config', 'user.name', username)
  git('config', 'user.email', `${username}@acme.example`)
  return {
    git,
    edit(path, change) {
      const file = join(dir, path)
      const before = readFileSync(file, 'utf8')
      const after = change(before)
      if (after === before) throw new Error(`${path} did not change:\n${before}`)
      writeFileSync(file, after)
    },
  }
}
