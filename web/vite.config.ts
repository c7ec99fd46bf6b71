import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

const gateway = 'http://127.0.0.1:7080'

export default defineConfig({
  plugins: [react()],
  server: {
    host: '127.0.0.1',
    proxy: { '/api': gateway, '/auth': gateway },
  },
  worker: { format: 'es' },
  build: {
    // The Content-Security-Policy allows fonts and scripts of our own origin only, so nothing becomes a data: URL.
    assetsInlineLimit: 0,
    target: 'es2022',
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.{ts,tsx}'],
    setupFiles: ['src/testing/setup.ts'],
    server: { deps: { inline: ['@rjsf/mantine'] } },
  },
})
