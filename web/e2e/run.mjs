// The portal in a real browser against a running server that has the evaluation lab loaded.
//
//   BARTIZAN_URL=http://127.0.0.1:8420 BARTIZAN_USER=admin BARTIZAN_PASSWORD=… npm run e2e [-- NAME]
//
// A first sign-in that asks for a password of one's own gets BARTIZAN_NEW_PASSWORD (or a made-up one). Without a browser on the machine every
// test is skipped with a message. Screenshots of failures go to BARTIZAN_SHOTS when it is set.
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { tests } from './tests.mjs';

const base = process.env.BARTIZAN_URL ?? 'http://127.0.0.1:8420';
const user = process.env.BARTIZAN_USER ?? 'admin';
const password = process.env.BARTIZAN_PASSWORD ?? '';
const shots = process.env.BARTIZAN_SHOTS;
const only = process.argv[2];

const browsers = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executablePath = browsers.find((path) => path && existsSync(path));
const chosen = tests.filter((t) => !only || t.needed || t.name.includes(only));

if (!executablePath) {
  console.log('no Chromium found: install one ("apt-get install chromium") or name it in CHROMIUM; the browser tests are skipped');
  console.log(`0 passed, 0 failed, ${chosen.length} skipped`);
  process.exit(0);
}
if (password === '') {
  console.error('BARTIZAN_PASSWORD is not set');
  process.exit(2);
}

const profile = mkdtempSync(join(tmpdir(), 'bartizan-e2e-'));
const context = await chromium.launchPersistentContext(profile, {
  executablePath,
  headless: true,
  viewport: { width: 1440, height: 900 },
  colorScheme: 'light',
  reducedMotion: 'reduce',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
context.setDefaultTimeout(Number(process.env.BARTIZAN_TIMEOUT ?? 30_000));
const page = context.pages()[0] ?? (await context.newPage());

// What must never happen anywhere: an error on the page, something the content policy forbids, a request to another host.
const trouble = [];
page.on('pageerror', (err) => trouble.push(`page error: ${err.message}`));
page.on('console', (message) => {
  if (message.type() === 'error' && !/status of (400|401|404|422)/.test(message.text())) trouble.push(`console: ${message.text()}`);
});
page.on('request', (request) => {
  const url = request.url();
  if (!url.startsWith(base) && !/^(data|blob):/.test(url)) trouble.push(`request to another host: ${url}`);
});

const world = {
  base,
  page,
  user,
  password,
  newPassword: process.env.BARTIZAN_NEW_PASSWORD ?? `e2e-${Math.random().toString(36).slice(2)}-${Date.now()}`,
  open: async (path) => {
    await page.goto(base + path);
  },
};

let failed = 0;
for (const test of chosen) {
  const start = Date.now();
  trouble.length = 0;
  try {
    await test.run(world);
    if (trouble.length > 0) throw new Error([...new Set(trouble)].join('\n'));
    console.log(`ok   ${test.name} (${Date.now() - start} ms)`);
  } catch (err) {
    failed++;
    console.log(`FAIL ${test.name} (${Date.now() - start} ms)\n     ${String(err.message ?? err).replaceAll('\n', '\n     ')}`);
    if (shots) {
      mkdirSync(shots, { recursive: true });
      await page.screenshot({ path: join(shots, `${test.name.replace(/\W+/g, '-')}.png`) }).catch(() => undefined);
    }
    if (test.needed) break;
  }
}
await context.close();
rmSync(profile, { recursive: true, force: true });
console.log(`${chosen.length - failed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
