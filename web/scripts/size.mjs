// Measures the JavaScript that a browser loads before the first page shows: the entry and everything it imports statically, gzipped.
// Fails above the budget. With --all also lists the lazy chunks.
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const budget = 400 * 1000;
const dist = new URL('../dist/', import.meta.url);
const manifest = JSON.parse(readFileSync(new URL('.vite/manifest.json', dist), 'utf8'));
const gzip = (file) => gzipSync(readFileSync(new URL(file, dist)), { level: 9 }).length;

const initial = new Set();
const visit = (key) => {
  const chunk = manifest[key];
  if (initial.has(chunk.file)) return;
  initial.add(chunk.file);
  for (const next of chunk.imports ?? []) visit(next);
};
for (const key of Object.keys(manifest)) if (manifest[key].isEntry) visit(key);

let total = 0;
for (const file of initial) {
  const bytes = gzip(file);
  total += bytes;
  console.log(`initial ${file} ${(bytes / 1000).toFixed(1)} kB`);
}
if (process.argv.includes('--all')) {
  for (const chunk of Object.values(manifest)) {
    if (chunk.file.endsWith('.js') && !initial.has(chunk.file))
      console.log(`lazy ${chunk.file} ${(gzip(chunk.file) / 1000).toFixed(1)} kB`);
  }
}
console.log(`javascript_initial_kb ${(total / 1000).toFixed(1)} kB`);
if (total > budget) {
  console.error(`initial JavaScript is ${(total / 1000).toFixed(1)} kB gzip; the budget is ${budget / 1000} kB`);
  process.exit(1);
}
