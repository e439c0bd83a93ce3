// The pages for data: sources, connectors, mappings, the lake.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { until } from './probe.mjs';

const stamp = Date.now().toString(36);

// deliver posts records to the real receiver.
async function deliver(base, token, family, text) {
  const response = await fetch(`${base}/ingest/v1/${family}`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}` },
    body: text,
  });
  assert.equal(response.status, 200, await response.text());
}

const api = (page, path) => page.evaluate(async (p) => (await fetch(p)).json(), path);

// call changes something through the API as the person who is signed in.
const call = (page, method, path, body) =>
  page.evaluate(
    async ([m, p, b]) => {
      const session = await (await fetch('/api/session')).json();
      const response = await fetch(p, {
        method: m,
        headers: { 'Content-Type': 'application/json', 'X-Bartizan-Csrf': session.csrf },
        ...(b === undefined ? {} : { body: JSON.stringify(b) }),
      });
      const text = await response.text();
      return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
    },
    [method, path, body],
  );

const row = (page, table, name) => page.getByRole('table', { name: table }).getByRole('row').filter({ hasText: name });

// A day of an account's trail, as the service writes it.
function trail(folder, at) {
  const day = new Date(at);
  const part = (n) => String(n).padStart(2, '0');
  const dir = join(
    folder,
    'AWSLogs/123456789012/CloudTrail/eu-west-1',
    `${day.getUTCFullYear()}/${part(day.getUTCMonth() + 1)}/${part(day.getUTCDate())}`,
  );
  mkdirSync(dir, { recursive: true });
  const when = day.toISOString().replace(/\.\d+Z$/, 'Z');
  const records = ['ListUsers', 'CreateUser', 'AttachUserPolicy'].map((eventName, i) => ({
    eventVersion: '1.08',
    eventTime: when,
    eventSource: 'iam.amazonaws.com',
    eventName,
    awsRegion: 'eu-west-1',
    sourceIPAddress: '192.0.2.10',
    userAgent: 'aws-cli/2',
    userIdentity: { type: 'IAMUser', userName: `e2e-${stamp}`, accountId: '123456789012', arn: 'arn:aws:iam::123456789012:user/e2e' },
    eventID: `00000000-0000-4000-8000-${part(i).padStart(12, '0')}`,
    eventType: 'AwsApiCall',
    recipientAccountId: '123456789012',
  }));
  const name = `123456789012_CloudTrail_eu-west-1_${when.replace(/[-:]/g, '').replace(/\d\dZ$/, 'Z')}_abcdefghijklmnop.json.gz`;
  writeFileSync(join(dir, name), gzipSync(JSON.stringify({ Records: records })));
  return records.length;
}

export const tests = [
  {
    name: 'data: a token is made, a real delivery turns the light on, its sender gets a quota',
    run: async ({ page, open, base }) => {
      await open('/sources');
      await page.getByRole('button', { name: 'Connect a source' }).click();
      await page.waitForURL(/tab=connect/);
      await page.getByRole('button', { name: /^Files and scripts/ }).click();
      await page.getByRole('button', { name: 'Make a token for it' }).click();
      await page.getByText('Waiting for the first record').waitFor();
      const text = await page.getByLabel('Configuration of Files and scripts').innerText();
      const token = /Bearer (\S+)"/.exec(text)?.[1];
      assert.ok(token && token !== 'TOKEN', `no token in the configuration: ${text}`);
      await deliver(
        base,
        token,
        'linux',
        'Mar  4 05:06:07 web1 sshd[7]: Failed password for root from 192.0.2.9 port 4711 ssh2\nMar  4 05:06:08 web1 sshd[7]: Failed password for root from 192.0.2.9 port 4712 ssh2\n',
      );
      const light = page.getByRole('status').filter({ hasText: 'First event received' });
      await light.waitFor();
      assert.match(await light.innerText(), /2 records of linux/);
      assert.match((await light.getByRole('link', { name: 'Hunt for it' }).getAttribute('href')) ?? '', /\/hunting\?query=/);
      await page.getByRole('tab', { name: 'Senders' }).click();
      const mine = row(page, 'Senders', 'collector Files and scripts');
      await mine.first().waitFor();
      assert.match(await mine.first().innerText(), /linux/);
      await mine
        .first()
        .getByRole('button', { name: /^Set quota of/ })
        .click();
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('textbox', { name: 'Size a day' }).fill('lots');
      await dialog.getByText('Write a number and a unit').waitFor();
      await dialog.getByRole('textbox', { name: 'Size a day' }).fill('2 GB');
      await dialog.getByRole('textbox', { name: 'Records a minute' }).fill('5000');
      await page.keyboard.press('Enter');
      await dialog.waitFor({ state: 'detached' });
      await mine.first().getByText('5,000 records a minute, 2 GB a day').waitFor();
      await page.getByRole('tab', { name: 'Families' }).click();
      await row(page, 'Families', 'linux').waitFor();
    },
  },
  {
    name: 'data: refused records say why and where, and are forgotten',
    run: async ({ page, open, base }) => {
      const made = await call(page, 'POST', '/api/tokens', { name: `refused ${stamp}`, scopes: ['ingest'] });
      await deliver(base, made.body.token, 'winlog', `{"text":"no event ${stamp}"}\n`);
      await until(
        page,
        async (s) => {
          const list = await (await fetch('/api/sources/refused?$top=50')).json();
          return list.value.some((r) => atob(r.sample ?? '').includes(s));
        },
        stamp,
      );
      await open('/sources?tab=refused');
      const mine = page.locator('[role="row"][data-row-id]').filter({ hasText: `no event ${stamp}` });
      await mine.waitFor();
      assert.match(await mine.innerText(), /Record 1 of delivery \d+/);
      const again = page.getByRole('button', { name: /^Send/ });
      assert.equal(await again.isDisabled(), true);
      await mine.getByRole('checkbox').click();
      await page.getByRole('button', { name: 'Send 1 again' }).waitFor();
      assert.equal(await again.isDisabled(), false);
      await page.getByRole('button', { name: 'Forget' }).click();
      await page.getByRole('alertdialog').getByRole('button', { name: 'Forget' }).click();
      await mine.waitFor({ state: 'detached' });
    },
  },
  {
    name: 'data: a connector is added, tested, fetches what a folder has, is paused and deleted',
    run: async ({ page, open }) => {
      const folder = process.env.BARTIZAN_TRAIL;
      assert.ok(folder, 'BARTIZAN_TRAIL names no folder that the server may read; scripts/e2e.sh makes one');
      const n = trail(folder, Date.now() - 3_600_000);
      const name = `Trail ${stamp}`;
      await open('/connectors');
      await page.getByRole('button', { name: 'Add a connector' }).click();
      const dialog = page.getByRole('alertdialog');
      await dialog.getByRole('button', { name: /CloudTrail/ }).click();
      await dialog.getByRole('button', { name: 'Next' }).click();
      await dialog.getByText('Step 2 of 3').waitFor();
      await dialog.getByRole('button', { name: 'Next' }).click();
      await dialog.getByRole('textbox', { name: 'Name', exact: true }).fill(name);
      await dialog.getByRole('button', { name: 'Save and run' }).click();
      await dialog.getByText('Bucket is needed').waitFor();
      await dialog.getByRole('textbox', { name: 'Bucket' }).fill('file:///etc');
      await dialog.getByRole('button', { name: 'Test' }).click();
      await dialog
        .getByText(/connect\.folders/)
        .first()
        .waitFor();
      await dialog.getByRole('textbox', { name: 'Bucket' }).fill(`file://${folder}`);
      await dialog.getByRole('button', { name: 'Test' }).click();
      await dialog.getByText('It works').waitFor();
      await dialog.getByRole('button', { name: 'Save and run' }).click();
      await dialog.waitFor({ state: 'detached' });
      const pane = page.getByRole('complementary', { name });
      await pane.waitFor();
      await until(
        page,
        async ([c, want]) => {
          const list = await (await fetch('/api/connectors')).json();
          return list.value.some((x) => x.name === c && x.records === want && x.state === 'waiting');
        },
        [name, n],
      );
      await pane.getByRole('table', { name: 'Runs' }).getByText('Succeeded').first().waitFor();
      await pane.getByRole('button', { name: 'Pause' }).click();
      await pane.getByRole('button', { name: 'Resume' }).waitFor();
      await row(page, 'Connectors', name).getByText('Paused', { exact: true }).waitFor();
      await pane.getByRole('button', { name: 'Delete' }).click();
      await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click();
      await pane.waitFor({ state: 'detached' });
      await open('/sources?tab=senders');
      await row(page, 'Senders', name).waitFor();
    },
  },
  {
    name: 'data: how long a table is kept is set and taken back, a table is exported, the lake compacted',
    run: async ({ page, open }) => {
      await open('/lake?search=EmailEvents');
      const table = row(page, 'Tables of the lake', 'EmailEvents');
      await table.getByText('by default').waitFor();
      const act = async (what) => {
        await page.getByRole('button', { name: 'Actions for EmailEvents' }).click();
        await page.getByRole('menuitem', { name: what }).click();
      };
      await act('Set how long it is kept');
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('textbox', { name: 'Days' }).fill('0');
      await dialog.getByText('Write a whole number of days').waitFor();
      await dialog.getByRole('textbox', { name: 'Days' }).fill('365');
      await dialog.getByRole('textbox', { name: 'Size on disk' }).fill('50 GB');
      await page.keyboard.press('Enter');
      await dialog.waitFor({ state: 'detached' });
      await table.getByText('365 days, at most 50 GB').waitFor();
      const kept = (await api(page, '/api/lake/tables')).value.find((t) => t.table === 'EmailEvents');
      assert.deepEqual([kept.retentionDays, kept.retentionBytes, kept.retentionFrom], [365, 50e9, 'table']);
      await act('Keep by default again');
      await table.getByText('by default').waitFor();
      await act('Export to Parquet');
      const download = page.waitForEvent('download');
      await page.getByRole('dialog').getByRole('button', { name: 'Export' }).click();
      const path = await (await download).path();
      assert.ok(path, 'nothing was downloaded');
      await page.getByRole('button', { name: 'Compact' }).click();
      await page.getByRole('alertdialog').getByRole('button', { name: 'Compact' }).click();
      await page.getByText(/Compacted (just now|\d+ seconds ago|1 minute ago)/).waitFor({ timeout: 120_000 });
    },
  },
  {
    name: 'data: a mapping with an error shows its line; tested, saved, it takes a record; off and deleted',
    run: async ({ page, open, base }) => {
      const name = `e2e-${stamp}`;
      const text = (match) => `name: ${name}
description: For the browser test.
match: ${match}
table: Browser_${stamp}_CL
columns: {Who: tostring(user), Level: toint(level)}`;
      await open('/mappings');
      await page.getByRole('table', { name: 'Mappings' }).waitFor();
      await page.getByRole('button', { name: 'New mapping' }).click();
      await page.waitForURL(/mappings\/edit/);
      const editor = page.locator('.monaco-editor').first();
      await editor.waitFor();
      const write = async (words) => {
        await editor.click();
        await page.keyboard.press('Control+A');
        await page.keyboard.press('Delete');
        await page.keyboard.insertText(words);
      };
      const samples = page.getByRole('textbox', { name: 'Samples' });
      await samples.fill(`{"product":"${name}","user":"ana","level":3}\n{"product":"other"}`);
      await write(text('product == nonsense(1)'));
      await page.getByRole('button', { name: 'Test', exact: true }).click();
      await page.getByRole('button', { name: /^Line 3/ }).waitFor();
      await write(text(`tostring(product) == "${name}"`));
      await page.getByRole('button', { name: 'Test', exact: true }).click();
      const results = page.getByRole('region', { name: 'Results of the test' });
      await results.getByText('1 sample of 2 is taken').waitFor();
      const made = results.getByRole('table', { name: `Row of Browser_${stamp}_CL` });
      assert.match(await made.innerText(), /Who\s+ana/);
      await page.getByRole('button', { name: 'Save' }).click();
      await page.waitForURL(new RegExp(`name=${name}`));
      const token = await call(page, 'POST', '/api/tokens', { name: `mapping ${stamp}`, scopes: ['ingest'] });
      await deliver(base, token.body.token, 'auto', `{"product":"${name}","user":"ana","level":3}\n`);
      await until(
        page,
        async (table) => {
          const list = await (await fetch('/api/custom-tables')).json();
          return list.value.some((t) => t.name === table && t.rows === 1);
        },
        `Browser_${stamp}_CL`,
      );
      await open('/mappings');
      await page.getByRole('switch', { name: `${name} takes records` }).click();
      await until(page, async (m) => (await (await fetch(`/api/mappings/${m}`)).json()).enabled === false, name);
      await page.getByRole('button', { name: `Delete ${name}` }).click();
      await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click();
      await page.getByRole('link', { name, exact: true }).waitFor({ state: 'detached' });
      await page.getByRole('tab', { name: 'Custom tables' }).click();
      await page.getByRole('button', { name: `Delete Browser_${stamp}_CL` }).click();
      await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click();
      await page.getByRole('link', { name: `Browser_${stamp}_CL` }).waitFor({ state: 'detached' });
    },
  },
];
