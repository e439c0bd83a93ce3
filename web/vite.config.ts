import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// The portal talks to the server it was loaded from. In development, requests go to BARTIZAN_URL.
const server = process.env.BARTIZAN_URL ?? 'http://127.0.0.1:8420';
const proxy: Record<string, string> = { '/api': server, '/healthz': server, '/readyz': server, '/metrics': server };

export default defineConfig({
  plugins: [react()],
  build: {
    target: 'es2022',
    sourcemap: false,
    chunkSizeWarningLimit: 8000,
    manifest: true,
    assetsInlineLimit: 0,
    emptyOutDir: true,
  },
  worker: { format: 'es' },
  server: {
    host: '127.0.0.1',
    port: 5173,
    proxy,
  },
  preview: { host: '127.0.0.1', proxy },
  test: { environment: 'node', include: ['src/**/*.test.ts'] },
});
