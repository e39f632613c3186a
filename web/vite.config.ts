import react from '@vitejs/plugin-react';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

/** The shipped client: static files that a strict Content-Security-Policy (`default-src 'self'`) can serve. */
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  plugins: [react()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    // Small files stay files: a data: URL for a script or style would need a weaker policy.
    assetsInlineLimit: 0,
    rolldownOptions: {
      output: {
        // Libraries change rarely: a release of ours leaves them in the browser's cache.
        codeSplitting: { groups: [{ name: 'vendor', test: /node_modules\/(react|react-dom|react-router|scheduler|@bufbuild|@connectrpc)\// }] },
      },
    },
  },
});
