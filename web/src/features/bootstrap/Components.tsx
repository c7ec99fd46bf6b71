import { Text } from '@mantine/core'
import type { BootstrapComponent } from '../../api'
import { componentLook, lookOf } from '../../ui/looks'
import { ToneBadge } from '../../ui/Tone'
import classes from './Bootstrap.module.css'

const megabytes = (bytes: number) => `${Math.round(bytes / 1_048_576)} MB`

function facts(component: BootstrapComponent): string {
  return [
    component.pid ? `process ${component.pid}` : '',
    component.memoryBytes ? megabytes(component.memoryBytes) : '',
    component.restarts > 0 ? `restarted ${component.restarts === 1 ? 'once' : `${component.restarts} times`}` : '',
  ]
    .filter(Boolean)
    .join(' · ')
}

export function Components({ components }: { components: BootstrapComponent[] }) {
  return (
    <ul className={classes.components}>
      {components.map((component) => (
        <li key={component.name} className={`surface ${classes.component}`}>
          <span className={classes.title}>{component.title || component.name}</span>
          <ToneBadge look={lookOf(componentLook, component.state)} />
          <Text size="sm" c="dimmed" className="tabular" style={{ gridColumn: '1 / -1', overflowWrap: 'anywhere' }}>
            {component.detail || facts(component) || component.name}
            {component.detail && facts(component) ? <br /> : null}
            {component.detail ? facts(component) : null}
          </Text>
        </li>
      ))}
    </ul>
  )
}
