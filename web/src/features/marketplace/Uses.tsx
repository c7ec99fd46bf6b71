import { Skeleton, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { blueprintUsesQuery } from '../../api'
import { Few } from '../../ui/Few'
import { AnchorLink } from '../../ui/links'
import { ProblemAlert } from '../../ui/Trouble'
import classes from './Marketplace.module.css'
import { usesByVersion, type Place } from './uses'

/** Where a Blueprint is used, as far as this person may see. */
export function Uses({ name }: { name: string }) {
  const { data, error, isPending } = useQuery(blueprintUsesQuery(name))
  if (isPending) return <Skeleton height={80} radius="lg" mt="lg" />
  if (error && !data) return <ProblemAlert error={error} title="Where it is used cannot be read now" />
  const { applications, versions } = usesByVersion(data ?? [])
  return (
    <section aria-labelledby="uses">
      <Title order={2} id="uses" mt="lg" mb="xs">
        {applications === 0 ? 'Not used yet' : `Used by ${applications} ${applications === 1 ? 'Application' : 'Applications'}`}
      </Title>
      {applications === 0 && (
        <Text size="sm" c="dimmed">
          No Application that you can see comes from this Blueprint.
        </Text>
      )}
      {versions.length > 0 && (
        <ul className={`surface ${classes.versions}`}>
          {versions.map(({ version, places }) => (
            <li key={version} className={classes.version}>
              <Text fw={560} className="tabular">
                {version || 'no version'}
              </Text>
              <ul className={classes.places}>
                <Few items={places} most={6} what="uses">
                  {(place) => <PlaceLink key={`${place.environment}/${place.application}`} place={place} />}
                </Few>
              </ul>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

function PlaceLink({ place: { organization, environment, application } }: { place: Place }) {
  return (
    <li>
      <AnchorLink to="/organizations/$org/environments/$env/applications/$app" params={{ org: organization, env: environment, app: application }} size="sm">
        {application}
      </AnchorLink>{' '}
      <Text span size="sm" c="dimmed">
        {environment}
      </Text>
    </li>
  )
}
