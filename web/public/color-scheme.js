// Sets the colour scheme before the first paint. A file of its own, because the Content-Security-Policy allows no
// inline script.
;(function () {
  var wanted = 'auto'
  try {
    wanted = window.localStorage.getItem('mantine-color-scheme-value') || 'auto'
  } catch {
    // Storage is switched off: follow the system.
  }
  var dark = wanted === 'dark' || (wanted !== 'light' && window.matchMedia('(prefers-color-scheme: dark)').matches)
  document.documentElement.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light')
})()
