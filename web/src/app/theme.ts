import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from '@mantine/core'

const iris: MantineColorsTuple = [
  '#eff1ff', '#dfe3fc', '#bcc4f6', '#97a3f0', '#7886eb', '#6573e4', '#5463dd', '#4151c9', '#3646b2', '#293893',
]

// Mantine's dark greys are neutral; ours lean towards blue, as the surfaces do.
const dark: MantineColorsTuple = [
  '#e6e8ec', '#b6bdc9', '#8b93a1', '#5b6372', '#313743', '#272c36', '#1c2027', '#16191f', '#0f1115', '#0b0d10',
]

export const theme = createTheme({
  primaryColor: 'iris',
  primaryShade: { light: 7, dark: 7 },
  colors: { iris, dark },
  defaultRadius: 'md',
  cursorType: 'pointer',
  fontFamily: "'Inter Variable', system-ui, -apple-system, 'Segoe UI', sans-serif",
  fontFamilyMonospace: "ui-monospace, 'SF Mono', 'Cascadia Code', Menlo, Consolas, monospace",
  headings: { fontWeight: '620', sizes: { h1: { fontSize: '1.625rem', lineHeight: '1.25' }, h2: { fontSize: '1.125rem' }, h3: { fontSize: '1rem' } } },
  respectReducedMotion: true,
  components: {
    Tooltip: { defaultProps: { multiline: true, maw: 320, withArrow: true, events: { hover: true, focus: true, touch: true } } },
    // What a person typed is refused with a reason, never changed behind their back.
    NumberInput: { defaultProps: { clampBehavior: 'none' } },
    Alert: { styles: { root: { background: 'var(--mantine-color-body)' }, label: { color: 'var(--mantine-color-text)' } } },
    Modal: { styles: { title: { fontWeight: 620, fontSize: '1.125rem' } }, defaultProps: { centered: true, overlayProps: { backgroundOpacity: 0.45, blur: 2 } } },
  },
})

// Mantine's own greys miss the 4.5:1 of WCAG AA for small text; these reach it on our surfaces.
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-body': '#ffffff',
    '--mantine-color-text': '#1a1d24',
    '--mantine-color-dimmed': '#5a6170',
    '--mantine-color-placeholder': '#6b7280',
    '--mantine-color-anchor': '#3646b2',
    '--mantine-color-error': '#c2272d',
    '--mantine-color-default-border': '#d9dde5',
    '--input-asterisk-color': '#c2272d',
  },
  dark: {
    '--mantine-color-body': '#16191f',
    '--mantine-color-text': '#e6e8ec',
    '--mantine-color-dimmed': '#a2a9b6',
    '--mantine-color-placeholder': '#8b93a1',
    '--mantine-color-anchor': '#a9b5fb',
    '--mantine-color-error': '#ff8f8f',
    '--mantine-color-default': '#1c2027',
    '--mantine-color-default-hover': '#242932',
    '--mantine-color-default-border': '#313743',
    '--input-asterisk-color': '#ff8f8f',
  },
})
