/** The mark of Catalyst. */
export function Mark({ size = 26 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden>
      <path fill="var(--mantine-color-iris-7)" d="M16 1.5 28.6 8.75v14.5L16 30.5 3.4 23.25V8.75z" />
      <path fill="none" stroke="#fff" strokeWidth="3" strokeLinecap="round" d="M20.9 11.6a6.6 6.6 0 1 0 0 8.8" />
      <circle cx="20.6" cy="16" r="2.3" fill="#fff" />
    </svg>
  )
}
