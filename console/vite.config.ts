import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin } from 'vite';

const OUTPUT = '../src/ferryman/console/static';
const COMPRESSED = /\.(css|html|js|svg|wasm)$/;

/** Writes what the server sends to browsers that accept Brotli or gzip, beside each file. */
function compressed(): Plugin {
  return {
    name: 'compressed',
    apply: 'build',
    closeBundle() {
      for (const entry of readdirSync(OUTPUT, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile() || !COMPRESSED.test(entry.name)) continue;
        const path = join(entry.parentPath, entry.name);
        const data = readFileSync(path);
        writeFileSync(`${path}.gz`, gzipSync(data, { level: 9 }));
        const quality = { [constants.BROTLI_PARAM_QUALITY]: 11 };
        writeFileSync(`${path}.br`, brotliCompressSync(data, { params: quality }));
      }
    },
  };
}

export default defineConfig({
  base: './',
  plugins: [svelte(), compressed()],
  resolve: { alias: { $lib: new URL('./src/lib', import.meta.url).pathname } },
  build: {
    outDir: OUTPUT,
    emptyOutDir: true,
    assetsInlineLimit: 0, // the policy for content allows no data: fonts, and scripts are never inline
    modulePreload: { polyfill: false },
    target: 'es2022',
  },
  test: { include: ['tests/**/*.test.ts'], testTimeout: 60_000 }, // of a busy machine, too
} as Parameters<typeof defineConfig>[0]);
