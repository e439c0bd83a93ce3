import react from '@vitejs/plugin-react';
import type { PluginOption } from 'vite';
import { defineConfig, type ViteUserConfig as UserConfig } from 'vitest/config';

// The portal talks to the server it was loaded from. In development, requests go to BARTIZAN_URL, or to the
// in-memory double when BARTIZAN_DOUBLE is set; neither is part of a build.
const server = process.env.BARTIZAN_URL ?? 'http://127.0.0.1:8420';
const useDouble = process.env.BARTIZAN_DOUBLE === '1';

export default defineConfig(async ({ command }): Promise<UserConfig> => {
  const plugins: PluginOption[] = [react()];
  if (command === 'serve' && useDouble) {
    const { double } = await import('./dev/double.ts');
    plugins.push(double());
  }
  const proxy: Record<string, string> = useDouble ? {} : { '/api': server, '/healthz': server, '/readyz': server, '/metrics': server };
  return {
    plugins,
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
  };
});
