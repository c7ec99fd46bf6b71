import { Text, Title, Tooltip } from '@mantine/core'
import { IconCircleCheck, IconShieldX } from '@tabler/icons-react'
import { useSuspenseQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import Markdown from 'react-markdown'
import { useOrganizations } from '../../app/organization'
import { blueprintQuery, blueprintVersionQuery, type BlueprintCard, type BlueprintVersion } from '../../api'
import { BlueprintIcon } from '../../ui/BlueprintIcon'
import { AnchorLink, ButtonLink } from '../../ui/links'
import { PageHead } from '../../ui/PageHead'
import { ToneBadge } from '../../ui/Tone'
import { canWrite, whyReadOnly } from '../session/permissions'
import { usePerson } from '../session/useSession'
import classes from './Marketplace.module.css'
import { refusal } from './search'
import { Uses } from './Uses'

export default function BlueprintPage({ blueprint: name }: { blueprint: string }) {
  const { data: blueprint } = useSuspenseQuery(blueprintQuery(name))
  // Where nothing may be installed, the newest version still describes itself.
  const version = blueprint.version || blueprint.versions?.[0]?.version || ''
  return (
    <>
      <PageHead
        title={blueprint.title || name}
        before={<BlueprintIcon icon={blueprint.icon} name={name} size={60} />}
        lead={[blueprint.category, blueprint.owner && `by ${blueprint.owner}`, version && `version ${version}`].filter(Boolean).join(' · ')}
        actions={<InstallButton blueprint={blueprint} />}
      />
      <div className={classes.columns}>
        <div className={`surface ${classes.prose}`} style={{ padding: '22px 24px' }}>
          <Description name={name} version={version} summary={blueprint.summary} />
        </div>
        <div>
          <Versions name={name} versions={blueprint.versions ?? []} />
          <Uses name={name} />
        </div>
      </div>
    </>
  )
}

/** May this person install into any Organization? */
function useMayInstall(): boolean {
  const person = usePerson()
  const { organizations } = useOrganizations()
  return organizations.some((each) => canWrite(person, each.name))
}

function InstallButton({ blueprint }: { blueprint: BlueprintCard }) {
  const writable = useMayInstall()
  const { current } = useOrganizations()
  if (!current) return null
  if (!(blueprint.versions ?? []).some((each) => each.installable)) return null
  if (!writable) return <ReadOnly organization={current} />
  return (
    <ButtonLink to="/marketplace/$blueprint/install" params={{ blueprint: blueprint.name }} size="md">
      Install
    </ButtonLink>
  )
}

function ReadOnly({ organization }: { organization: string }) {
  return (
    <Tooltip label={whyReadOnly(organization)}>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- the explanation must be reachable by keyboard */}
      <Text size="sm" c="dimmed" tabIndex={0} td="underline dotted">
        You can look, not install
      </Text>
    </Tooltip>
  )
}

// A block of code may scroll, so it must be reachable by keyboard.
function Code({ children }: { children?: ReactNode }) {
  // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- see above
  return <pre tabIndex={0}>{children}</pre>
}

function Description({ name, version, summary }: { name: string; version: string; summary: string }) {
  if (!version) return <p>{summary}</p>
  return <VersionDescription name={name} version={version} summary={summary} />
}

function VersionDescription({ name, version, summary }: { name: string; version: string; summary: string }) {
  const { data } = useSuspenseQuery(blueprintVersionQuery(name, version))
  return (
    <>
      {/* The markdown of an author: no HTML gets through, and headings stay below the page's own. */}
      <Markdown components={{ h1: 'h2', pre: Code }}>{data.description || summary}</Markdown>
      {data.signedBy && (
        <Text size="sm" c="dimmed" mt="lg">
          Signed by {data.signedBy}
        </Text>
      )}
    </>
  )
}

function Versions({ name, versions }: { name: string; versions: BlueprintVersion[] }) {
  const writable = useMayInstall()
  const installable = { tone: 'ok', icon: IconCircleCheck, label: 'Signed' } as const
  const refused = { tone: 'bad', icon: IconShieldX, label: 'Refused' } as const
  return (
    <aside aria-labelledby="versions">
      <Title order={2} id="versions" mb="xs">
        Versions
      </Title>
      <ul className={`surface ${classes.versions}`}>
        {versions.map((each) => (
          <li key={each.version} className={classes.version}>
            <div style={{ display: 'flex', justifyContent: 'space-between', gap: 10, alignItems: 'center' }}>
              <Text fw={560} className="tabular">
                {each.version}
              </Text>
              <ToneBadge look={each.installable ? installable : refused} />
            </div>
            {each.reason && (
              <Text size="sm" c={each.installable ? 'dimmed' : 'var(--bad-fg)'} mt={4}>
                {refusal(each.reason)}
              </Text>
            )}
            {each.digest && (
              <Text size="xs" c="dimmed" className="mono" truncate title={each.digest} mt={2}>
                {each.digest}
              </Text>
            )}
            {each.installable && writable && (
              <AnchorLink to="/marketplace/$blueprint/install" params={{ blueprint: name }} search={{ version: each.version }} size="sm">
                Install this version
              </AnchorLink>
            )}
          </li>
        ))}
        {versions.length === 0 && (
          <li className={classes.version}>
            <Text size="sm" c="dimmed">
              No version is published.
            </Text>
          </li>
        )}
      </ul>
    </aside>
  )
}
