import { defineConfig } from 'vite';

/** Builds the engine as a program for Python's tests: build/console/engineProgram.mjs. */
export default defineConfig({
  publicDir: false,
  build: {
    ssr: 'tests/channel/engineProgram.ts',
    outDir: '../build/console',
    emptyOutDir: false,
    target: 'node20',
    rollupOptions: { output: { entryFileNames: '[name].mjs' } },
  },
});
