// The journey of one Application, as a person goes it: from a form to a green card, a change by git push, and away.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { artifacts, clone, launch, open, signIn, url } from './sovereign.mjs'

let browser
before(async () => {
  browser = await launch()
})
after(() => browser?.close())

test('from the form to Running, a push, and away again', { timeout: 180_000 }, async () => {
  const { page, troubles } = await open(browser)
  const name = `journey-${Date.now().toString(36)}`
  await signIn(page, 'noor@acme.example')

  await page.getByLabel('Search Blueprints').fill('podinfo')
  await page.screenshot({ path: join(artifacts, 'marketplace.png') })
  await page.locator('a[href="/marketplace/bp-podinfo"]').first().click()
  await page.getByRole('link', { name: 'Install' }).first().click()

  await page.getByRole('combobox', { name: 'Environment' }).or(page.getByLabel('Environment')).first().click()
  await page.getByRole('option', { name: /dev/ }).first().click()

  // A name that cannot be is refused as it is typed.
  const field = page.getByRole('textbox', { name: 'Name' })
  await field.fill('My Shop!')
  await page.getByText('my-shop').first().waitFor()
  await field.fill(name)
  await page.getByRole('button', { name: /^Next/ }).click()
  await page.getByRole('button', { name: /^Next: review/ }).click()
  await page.getByText('application.yaml', { exact: true }).first().waitFor()
  await page.screenshot({ path: join(artifacts, 'install-review.png') })

  const clicked = Date.now()
  await page.getByRole('button', { name: /^Install/ }).click()
  await page.waitForURL(`${url}/organizations/acme/environments/acme-dev/applications/${name}**`)
  await page.evaluate(() => (globalThis.neverReloaded = true))
  const phase = page.getByRole('region', { name: 'Phase' })
  await phase.getByText('Running', { exact: true }).waitFor()
  console.log(`install to Running on the screen: ${((Date.now() - clicked) / 1000).toFixed(2)} s`)
  await page.screenshot({ path: join(artifacts, 'application-running.png'), fullPage: true })

  const repo = clone('noor', `acme/${name}`, 'develop')
  repo.edit('overlays/dev/values.yaml', (text) => {
    const empty = text.replace(/^\{\}\s*$/m, '')
    return /^replicas:/m.test(empty) ? empty.replace(/^replicas:.*$/m, 'replicas: 4') : `${empty}\nreplicas: 4\n`
  })
  repo.git('commit', '--quiet', '--all', '--message', 'four pods by git push')
  repo.git('push', '--quiet')
  const pushed = Date.now()
  const sha = repo.git('rev-parse', 'HEAD')
  await page.getByText(sha.slice(0, 7)).first().waitFor()
  await page.getByText('four pods by git push').first().waitFor()
  console.log(`push to the new commit on the screen: ${((Date.now() - pushed) / 1000).toFixed(2)} s`)
  await page.getByText(/All 4 pods are ready/).first().waitFor()

  await page.getByRole('button', { name: 'More' }).click()
  await page.getByRole('menuitem', { name: 'Uninstall' }).click()
  // What goes is shown before it goes.
  await page.getByText('What is written to Git').waitFor()
  const uninstall = page.getByRole('button', { name: 'Uninstall' })
  await page.getByRole('textbox', { name: /to confirm/ }).waitFor()
  assert.equal(await uninstall.isDisabled(), true, 'uninstalling needs the name')
  await page.getByRole('textbox', { name: /to confirm/ }).fill(name)
  await page.screenshot({ path: join(artifacts, 'uninstall.png'), fullPage: true })
  await uninstall.click()
  await page.waitForURL(`${url}/organizations/acme/environments/acme-dev/applications/${name}?operation=**`)
  const card = `/api/v1/organizations/acme/environments/acme-dev/applications/${name}`
  while ((await page.evaluate(async (path) => (await fetch(path)).status, card)) !== 404) await page.waitForTimeout(100)
  assert.equal(await page.evaluate(() => globalThis.neverReloaded), true, 'the page was reloaded on the way')

  repo.git('pull', '--quiet')
  assert.deepEqual(repo.git('ls-tree', '-r', '--name-only', 'HEAD').split('\n'), ['README.md'], 'the content is gone')
  assert.ok(Number(repo.git('rev-list', '--count', 'HEAD')) >= 3, 'the history stays')
  assert.deepEqual(
    troubles.filter((each) => !each.includes('404')),
    [],
    'the browser complained',
  )
})

test('a viewer sees and cannot change', { timeout: 60_000 }, async () => {
  const { page } = await open(browser, { viewport: { width: 390, height: 844 }, colorScheme: 'dark' })
  await signIn(page, 'vik@acme.example')
  await page.goto(`${url}/marketplace/bp-podinfo/install`)
  await page.getByText('Your role is to read').waitFor()
  await page.screenshot({ path: join(artifacts, 'viewer-390-dark.png') })
})
