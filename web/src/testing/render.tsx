import { MantineProvider } from '@mantine/core'
import { render } from '@testing-library/react'
import type { ReactElement } from 'react'
import { cssVariables, theme } from '../app/theme'

/** Draws a component as the console would, without transitions. */
export function draw(element: ReactElement) {
  return render(
    <MantineProvider theme={theme} cssVariablesResolver={cssVariables} env="test">
      {element}
    </MantineProvider>,
  )
}
