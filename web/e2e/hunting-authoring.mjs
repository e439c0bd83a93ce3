// Writing queries on the hunting page: editor, tabs, saved queries, functions, links, the builder, rules, the report.
import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { faults, small } from './probe.mjs';

const editor = (page) => page.locator('.monaco-editor').first();
const lines = (page) => page.locator('.monaco-editor .view-lines').first();
const text = async (page) => (await lines(page).innerText()).replaceAll('\u00a0', ' ');
// The name is that of the tab in front.
const current = (page) => page.getByRole('group', { name: 'Open queries' }).locator('[aria-current="true"]').first();
const ran = (page) => page.getByText(/^[\d,.\s]+ rows? ·/).first();

async function ready(page) {
  await page.locator('.monaco-editor .view-line').first().waitFor();
}

// newQuery opens an empty tab and puts a text into it as pasting does, so that no completion meddles.
async function newQuery(page, words = '') {
  await page.getByRole('button', { name: 'New query tab', exact: true }).click();
  await page.getByRole('menuitem', { name: 'Query in editor' }).click();
  await page.waitForFunction(() => document.querySelector('.monaco-editor .view-lines')?.textContent?.trim() === '');
  await editor(page).click();
  if (words !== '') await page.keyboard.insertText(words);
}

async function clean(page, where) {
  const found = [...(await faults(page)), ...(await small(page))];
  assert.ok(found.length === 0, `${where}: ${found.join('\n')}`);
}

const api = (page, method, path, body) =>
  page.evaluate(
    async ([m, p, b]) => {
      const { csrf } = await (await fetch('/api/session')).json();
      const answer = await fetch(p, {
        method: m,
        headers: { 'X-Bartizan-Csrf': csrf, 'Content-Type': 'application/json' },
        ...(b ? { body: JSON.stringify(b) } : {}),
      });
      return answer.status === 204 ? undefined : answer.json();
    },
    [method, path, body],
  );

const packed = (query) => encodeURIComponent(gzipSync(query).toString('base64'));

export const tests = [
  {
    name: 'hunting editor: completion of tables, columns and kinds of events, error at its place, quick fix, format',
    run: async ({ page, open }) => {
      await open('/hunting?range=all');
      await ready(page);
      await newQuery(page);
      await page.keyboard.type('EmailAttach', { delay: 20 });
      await page.keyboard.press('Control+Space');
      await page.locator('.suggest-widget .monaco-list-row').filter({ hasText: 'EmailAttachmentInfo' }).first().waitFor();
      await page.keyboard.press('Escape');
      await newQuery(page, 'DeviceProcessEvents\n| where ActionType == "');
      await page.keyboard.press('Control+Space');
      await page.locator('.suggest-widget .monaco-list-row').filter({ hasText: 'ProcessCreated' }).first().waitFor();
      await page.keyboard.press('Escape');
      await newQuery(page, 'DeviceProcessEvents | where FileNam == "a" | take 5');
      await page
        .getByRole('status')
        .filter({ hasText: /no column `FileNam`/ })
        .waitFor();
      await page.locator('.monaco-editor .bz-error').first().waitFor();
      await page.keyboard.press('Shift+Enter');
      const alert = page.getByRole('alert').filter({ hasText: /line 1, column \d+/ });
      await alert.waitFor();
      await alert.getByRole('button', { name: 'Change to FileName' }).click();
      await page.waitForFunction(() => document.querySelector('.view-lines')?.textContent?.includes('FileName'));
      await page.getByText('No problems', { exact: true }).waitFor();
      await editor(page).click();
      await page.keyboard.press('Shift+Alt+F');
      await page.waitForFunction(() => document.querySelectorAll('.monaco-editor .view-line').length >= 3);
      assert.match(await text(page), /DeviceProcessEvents\n\| where FileName == "a"\n\| take 5/);
      await page.keyboard.press('Control+z');
      await page.waitForFunction(() => document.querySelectorAll('.monaco-editor .view-line').length === 1);
    },
  },
  {
    name: 'hunting editor: the block under the cursor runs, the selection runs, a warning does not hinder',
    run: async ({ page, open }) => {
      await open('/hunting?range=all');
      await ready(page);
      await newQuery(page, 'print A = 1\n\nprint B = 2, C = 3');
      await page.keyboard.press('Shift+Enter');
      await page.getByRole('columnheader', { name: /^B/ }).waitFor();
      await page.keyboard.press('Control+Home');
      await page.keyboard.press('Shift+Enter');
      await page.getByRole('columnheader', { name: /^A/ }).waitFor();
      await page.keyboard.press('Control+End');
      for (let i = 0; i < 7; i++) await page.keyboard.press('Shift+ArrowLeft');
      await page.keyboard.press('Control+Home');
      await page.keyboard.press('Shift+End');
      await page.keyboard.press('Control+Enter');
      await page.getByRole('columnheader', { name: /^A/ }).waitFor();
      await page.getByRole('tab', { name: 'Query history' }).click();
      await page
        .getByRole('button', { name: /print B = 2/ })
        .first()
        .waitFor();
    },
  },
  {
    name: 'hunting tabs: rename, duplicate, move, kept over a reload, warning before an unsaved one closes',
    run: async ({ page, open }) => {
      await open('/hunting');
      await ready(page);
      await newQuery(page, 'print Kept = 1');
      await current(page).focus();
      await page.keyboard.press('F2');
      await page.getByRole('textbox', { name: 'Name of the query' }).fill('Kept query');
      await page.keyboard.press('Enter');
      await page.getByRole('button', { name: 'Actions for Kept query' }).click();
      await page.getByRole('menuitem', { name: 'Duplicate' }).click();
      await page.getByRole('button', { name: 'Kept query (copy)', exact: false }).first().waitFor();
      const order = () =>
        page
          .getByRole('group', { name: 'Open queries' })
          .locator('[data-tab]')
          .evaluateAll((all) => all.map((t) => t.textContent));
      const before = await order();
      await current(page).focus();
      await page.keyboard.press('Control+Shift+ArrowLeft');
      await page.waitForFunction(
        (last) => [...document.querySelectorAll('[data-tab]')].map((t) => t.textContent).join() !== last,
        before.join(),
      );
      const after = await order();
      await page.reload();
      await ready(page);
      assert.deepEqual(await order(), after);
      assert.match(await text(page), /print Kept = 1/);
      await page.getByRole('button', { name: /^Close Kept query \(copy\)/ }).click();
      const warning = page.getByRole('alertdialog');
      await warning.getByText('Close without saving?').waitFor();
      await warning.getByRole('button', { name: 'Keep open' }).click();
      await page.getByRole('button', { name: /^Close Kept query \(copy\)/ }).click();
      await warning.getByRole('button', { name: 'Close' }).click();
      await page.getByRole('button', { name: /^Close Kept query \(copy\)/ }).waitFor({ state: 'detached' });
      await page.getByText('Undo', { exact: true }).first().click();
      await page.getByRole('button', { name: /^Close Kept query \(copy\)/ }).waitFor();
    },
  },
  {
    name: 'hunting: a query is saved into a folder, found, opened, changed and deleted',
    run: async ({ page, open }) => {
      const name = `Saved ${Date.now()}`;
      const left = page.getByRole('region', { name: 'Sources of a query' });
      await open('/hunting');
      await ready(page);
      await newQuery(page, 'print Saved = 1');
      await page.getByRole('button', { name: 'Save', exact: true }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('textbox', { name: 'Name' }).fill(name);
      await dialog.getByRole('combobox', { name: 'Folder' }).fill('Tests/Inner');
      await clean(page, 'save dialog');
      await dialog.getByRole('button', { name: 'Save' }).click();
      await dialog.waitFor({ state: 'detached' });
      await page.getByRole('tab', { name: 'Queries', exact: true }).click();
      await page.getByRole('searchbox', { name: 'Find a query' }).fill(name);
      const line = page.getByRole('group', { name: 'Queries', exact: true }).getByRole('button', { name, exact: true }).last();
      await page.getByRole('button', { name: /^Inner/ }).waitFor();
      await line.focus();
      await editor(page).click();
      await page.keyboard.press('Control+End');
      await page.keyboard.insertText(', More = 2');
      await page.getByRole('button', { name: 'Save', exact: true }).click();
      await page.getByText(`Saved "${name}"`).last().waitFor();
      const kept = await api(page, 'GET', '/api/hunting/queries?$top=1000');
      const saved = kept.value.find((q) => q.name === name);
      assert.equal(saved.query, 'print Saved = 1, More = 2');
      assert.equal(saved.folder, 'Tests/Inner');
      await left
        .getByRole('button', { name: `Actions for ${name}` })
        .last()
        .click();
      await page.getByRole('menuitem', { name: 'Add to favourites' }).click();
      await page.getByRole('button', { name: /^Favourites/ }).waitFor();
      await left
        .getByRole('button', { name: `Actions for ${name}` })
        .last()
        .click();
      await page.getByRole('menuitem', { name: 'Delete' }).click();
      await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click();
      await page.getByText('No query matches').waitFor();
    },
  },
  {
    name: 'hunting: a query becomes a function with a parameter, is called, and says who uses it',
    run: async ({ page, open }) => {
      const name = `Test_${Date.now()}`;
      await open('/hunting?range=all');
      await ready(page);
      await newQuery(page, 'print Twice = n * 2');
      await page.getByRole('button', { name: 'More ways to save' }).click();
      await page.getByRole('menuitem', { name: 'Save as function' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('textbox', { name: 'Name', exact: true }).fill('1 wrong');
      await dialog.getByRole('button', { name: 'Save' }).click();
      await dialog
        .getByText(/begin with a letter/)
        .first()
        .waitFor();
      await dialog.getByRole('textbox', { name: 'Name', exact: true }).fill(name);
      await dialog.getByRole('button', { name: 'Add parameter' }).click();
      await dialog.getByRole('textbox', { name: 'Name of parameter 1' }).fill('n');
      await dialog.getByRole('combobox', { name: 'Type of parameter 1' }).click();
      await page.getByRole('option', { name: 'long', exact: true }).click();
      await clean(page, 'function dialog');
      await dialog.getByRole('button', { name: 'Save' }).click();
      await dialog.waitFor({ state: 'detached' });
      await newQuery(page, `${name}(21)`);
      await page.keyboard.press('Shift+Enter');
      await page.getByRole('columnheader', { name: /^Twice/ }).waitFor();
      await page.getByText('42', { exact: true }).first().waitFor();
      await page.getByRole('tab', { name: 'Functions' }).click();
      await page.getByRole('searchbox', { name: 'Find a function' }).fill(name);
      await page.getByRole('button', { name, exact: true }).last().click();
      await page
        .getByRole('region', { name: 'Used by' })
        .getByText(/No saved query/)
        .waitFor();
      await page.keyboard.press('Escape');
      await page
        .getByRole('button', { name: `Actions for ${name}` })
        .last()
        .click();
      await page.getByRole('menuitem', { name: 'Delete' }).click();
      await page.getByText('No function matches').waitFor();
    },
  },
  {
    name: 'hunting: a compressed link opens its query, runs it over its time range, and leaves the address',
    run: async ({ page, open }) => {
      await open(`/hunting?query=${packed('// From a link\nprint Linked = "a+b/c"')}&runQuery=true&timeRangeId=week`);
      await page.getByRole('columnheader', { name: /^Linked/ }).waitFor();
      await page.waitForURL((url) => !url.searchParams.has('query') && url.searchParams.get('range') === '1w');
      await page.getByRole('button', { name: 'Time range: Last 7 days' }).waitFor();
      await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
      await page.getByRole('button', { name: 'Share link' }).click();
      await page.getByText('Link copied').first().waitFor();
      const link = await page.evaluate(() => navigator.clipboard.readText());
      assert.match(link, /\/hunting\?query=H4sI[A-Za-z0-9_-]+&runQuery=true&timeRangeId=week$/);
      await open('/hunting?query=print%20Plain%20%3D%201');
      await ready(page);
      await page.waitForFunction(() => document.querySelector('.view-lines')?.textContent?.includes('Plain'));
      assert.equal(await page.getByRole('columnheader', { name: /^Plain/ }).count(), 0, 'a link without runQuery must not run');
    },
  },
  {
    name: 'hunting builder: incomplete does not run, groups nest, values are quoted, the query opens in KQL',
    run: async ({ page, open }) => {
      await open('/hunting?range=all');
      await ready(page);
      await page.getByRole('button', { name: 'New query tab', exact: true }).click();
      await page.getByRole('menuitem', { name: 'Query in builder' }).click();
      const run = page.getByRole('button', { name: 'Run query' });
      await page.getByText('Add a filter to run the query.').first().waitFor();
      assert.equal(await run.getAttribute('aria-disabled'), 'true');
      await page.getByRole('button', { name: 'Add filter' }).click();
      await page.getByRole('searchbox', { name: 'Find a filter' }).fill('process file');
      await page.getByRole('button', { name: 'Initiating process file name' }).click();
      const value = page.getByRole('textbox', { name: 'Values of Initiating process file name' });
      await value.fill('a"b\\c.exe');
      await value.press('Enter');
      await value.fill('powershell.exe');
      await value.press('Enter');
      await page.getByText(/^Asks .*DeviceProcessEvents/).waitFor();
      await clean(page, 'builder');
      await run.click();
      await page
        .getByText(/^[\d,.\s]+ rows? ·|^No rows$/)
        .first()
        .waitFor();
      await page.getByRole('switch', { name: 'All filters' }).click();
      await page.getByRole('button', { name: 'Add group' }).click();
      await page.getByText('A group has no filter. Add one or remove the group.').first().waitFor();
      const inner = page.getByRole('group', { name: 'Any of these holds (OR)' });
      await inner.getByRole('button', { name: 'Add filter' }).click();
      await page.getByRole('searchbox', { name: 'Find a filter' }).fill('remote port');
      await page.getByRole('button', { name: 'Remote port' }).click();
      await inner.getByRole('textbox', { name: 'Values of Remote port' }).fill('443');
      await inner.getByRole('textbox', { name: 'Values of Remote port' }).press('Enter');
      assert.equal(await page.getByRole('switch', { name: 'All filters' }).isDisabled(), true);
      await clean(page, 'builder with groups');
      await page.getByRole('button', { name: 'Edit in KQL' }).click();
      await ready(page);
      await page.waitForFunction(() => document.querySelector('.view-lines')?.textContent?.includes('RemotePort'));
      assert.match(await text(page), /InitiatingProcessFileName in~ \("a\\"b\\\\c\.exe", "powershell\.exe"\)/);
      await page.getByText('No problems', { exact: true }).waitFor();
    },
  },
  {
    name: 'hunting: the samples of the builder and the walk-throughs run',
    run: async ({ page, open }) => {
      await open('/hunting?range=all');
      await ready(page);
      await page.getByRole('tab', { name: 'Getting started' }).click();
      await clean(page, 'getting started');
      for (const walk of ['From an odd program to its story', 'Follow a message', 'Sign-ins that stand out'])
        for (const step of [1, 2, 3]) {
          await page.getByRole('tab', { name: 'Getting started' }).click();
          await page.getByRole('tab', { name: walk }).click();
          await page.getByRole('button', { name: new RegExp(`^Run step ${step}:`) }).click();
          await page
            .getByText(/^[\d,.\s]+ rows? ·|^No rows$/)
            .first()
            .waitFor();
        }
      const failures = await page.getByRole('alert').allInnerTexts();
      assert.deepEqual(
        failures.filter((f) => /line \d|failed|not known/i.test(f)),
        [],
      );
    },
  },
  {
    name: 'hunting: community queries are imported from files, say what they miss, and open in a tab',
    run: async ({ page, open }) => {
      const name = `Community ${Date.now()}`;
      await open('/hunting?range=all');
      await ready(page);
      await page.getByRole('tab', { name: 'Queries', exact: true }).click();
      await page.getByRole('button', { name: 'Import community queries from files' }).click();
      const dialog = page.getByRole('dialog');
      await page.getByTestId('community-files').setInputFiles([
        { name: `${name}.kql`, mimeType: 'text/plain', buffer: Buffer.from('// Counts processes\nDeviceProcessEvents\n| count\n') },
        {
          name: `${name} other.yaml`,
          mimeType: 'text/yaml',
          buffer: Buffer.from(
            `name: ${name} other\ndescription: Reads a table that is elsewhere\nquery: |\n  SomeOtherTable\n  | take 5\n`,
          ),
        },
      ]);
      await dialog.getByText('2 files chosen').waitFor();
      await dialog.getByRole('button', { name: 'Import' }).click();
      await dialog.getByText(/^Added 2/).waitFor();
      await clean(page, 'import dialog');
      await dialog.getByRole('button', { name: 'Close' }).click();
      await page.getByRole('searchbox', { name: 'Find a query' }).fill(name);
      const found = page.getByRole('button', { name: new RegExp(`^${name} other`) }).first();
      await found.waitFor();
      await page.getByRole('button', { name: new RegExp(`^Actions for ${name} other`) }).click();
      await page.getByRole('menuitem', { name: 'View details' }).click();
      await page.getByText(/Does not run here/).waitFor();
      await page.keyboard.press('Escape');
      await page
        .getByRole('button', { name: new RegExp(`^${name}(?! other)`) })
        .first()
        .click();
      await page.waitForFunction(() => document.querySelector('.view-lines')?.textContent?.includes('count'));
      const list = await api(page, 'GET', `/api/hunting/community?search=${encodeURIComponent(name)}`);
      assert.equal(list.value.length, 2);
      await api(page, 'DELETE', `/api/hunting/community?source=${encodeURIComponent(list.value[0].source)}`);
    },
  },
  {
    name: 'hunting schema: search, reference with preview, preview of rows, favourite, insert by keys',
    run: async ({ page, open }) => {
      await open('/hunting?range=all');
      await ready(page);
      await page.getByRole('tab', { name: 'Schema', exact: true }).click();
      await page.getByRole('searchbox', { name: 'Find a table or column' }).fill('DeviceProcessEvents');
      await page.getByRole('button', { name: 'Actions for DeviceProcessEvents' }).first().click();
      await page.getByRole('menuitem', { name: 'View reference' }).click();
      const dialog = page.getByRole('dialog', { name: 'DeviceProcessEvents' });
      await dialog.getByRole('region', { name: 'Preview', exact: true }).waitFor();
      await dialog.getByRole('button', { name: 'ProcessCreated', exact: true }).waitFor();
      await clean(page, 'reference');
      await dialog.getByRole('button', { name: 'Run: Kinds of events' }).click();
      await page.getByRole('columnheader', { name: /^Events/ }).waitFor();
      await newQuery(page);
      await page
        .getByRole('button', { name: /^DeviceProcessEvents/ })
        .first()
        .focus();
      await page.keyboard.press('ArrowRight');
      await page
        .getByRole('button', { name: /^ProcessCommandLine/ })
        .first()
        .waitFor();
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('Control+Enter');
      await page.waitForFunction(() => document.querySelector('.view-lines')?.textContent?.includes('Timestamp'));
    },
  },
  {
    name: 'hunting: a rule is made from a query after its trial, and is refused without an entity',
    run: async ({ page, open }) => {
      const title = `Rule of a test ${Date.now()}`;
      await open('/hunting?range=all');
      await ready(page);
      await newQuery(page, 'DeviceProcessEvents\n| where FileName =~ "never-there.exe"\n| project Timestamp, DeviceName, FileName');
      await page.getByRole('button', { name: 'Create detection rule' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByText(/would raise no alert now/).waitFor();
      await clean(page, 'rule dialog');
      await dialog.getByRole('button', { name: 'Create' }).click();
      await dialog.getByText('Enter a title.').waitFor();
      await dialog.getByRole('textbox', { name: 'Title', exact: true }).fill(title);
      await dialog.getByRole('textbox', { name: 'ATT&CK techniques' }).fill('T1059.001');
      await dialog.getByRole('button', { name: 'Create' }).click();
      await page.waitForURL(/\/rules\//);
      await page.getByRole('heading', { name: title }).waitFor();
      const id = decodeURIComponent(page.url().split('/rules/')[1].split('?')[0]);
      const rule = await api(page, 'GET', `/api/rules/${encodeURIComponent(id)}`);
      assert.match(rule.text, /device: "?DeviceName/);
      await api(page, 'DELETE', `/api/rules/${encodeURIComponent(id)}`);
    },
  },
  {
    name: 'hunting: Esc in the editor cancels a running query',
    run: async ({ page, open }) => {
      await open('/hunting?range=all');
      await ready(page);
      await newQuery(
        page,
        'range x from 1 to 30000000 step 1\n| extend h = hash_sha256(tostring(x))\n| summarize n = count() by h\n| top 10 by h asc',
      );
      await page.keyboard.press('Shift+Enter');
      await page.getByLabel('Time so far').waitFor();
      await page.keyboard.press('Escape');
      await page
        .getByText(/was cancelled/)
        .first()
        .waitFor();
      await page.getByRole('button', { name: 'Run query' }).waitFor();
    },
  },
  {
    name: 'hunting by keys alone: write, run, leave the editor, reach the tabs below',
    run: async ({ page, open }) => {
      await open('/incidents');
      await page.locator('h1').first().waitFor();
      await page.keyboard.press('g');
      await page.keyboard.press('h');
      await ready(page);
      await page.getByRole('button', { name: 'New query tab', exact: true }).focus();
      await page.keyboard.press('Enter');
      await page.getByRole('menuitem', { name: 'Query in editor' }).waitFor();
      await page.keyboard.press('Enter');
      await page.waitForFunction(() => document.activeElement?.closest('.monaco-editor') !== null);
      await page.keyboard.insertText('print Keys = 1');
      await page.keyboard.press('Shift+Enter');
      await page.getByRole('columnheader', { name: /^Keys/ }).waitFor();
      await page.keyboard.press('Control+m');
      for (let i = 0; i < 8; i++) {
        await page.keyboard.press('Tab');
        if (await page.evaluate(() => document.activeElement?.getAttribute('role') === 'tab')) break;
      }
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('Enter');
      await page.getByRole('region', { name: 'Query history' }).waitFor();
      await page.keyboard.press('Control+m');
    },
  },
  {
    name: 'hunting without the full editor: the plain field checks and runs',
    run: async ({ page, open }) => {
      await page.route(/KustoEditor-[^/]*\.js$/, (route) => route.fulfill({ status: 404 }));
      try {
        await open('/hunting?range=all');
        const field = page.getByTestId('plain-editor');
        await field.waitFor();
        await field.fill('print Plain = 7');
        await field.press('Shift+Enter');
        await page.getByRole('columnheader', { name: /^Plain/ }).waitFor();
        await field.fill('print NoSuch(');
        await page
          .getByRole('status')
          .filter({ hasText: /Line 1/ })
          .waitFor();
        await clean(page, 'plain editor');
        await field.fill('print Plain = 7');
      } finally {
        await page.unroute(/KustoEditor-[^/]*\.js$/);
      }
    },
  },
  {
    name: 'query resources report: what ran stands there, filters narrow it, a row opens its query',
    run: async ({ page, open }) => {
      await open('/hunting');
      await ready(page);
      await newQuery(page, 'print Reported = 1');
      await page.keyboard.press('Shift+Enter');
      await ran(page).waitFor();
      await page.getByRole('button', { name: 'Query resources' }).click();
      await page.waitForURL(/\/hunting\/usage/);
      const row = page.getByRole('row').filter({ hasText: 'print Reported = 1' }).first();
      await row.waitFor();
      await row.getByText('Portal', { exact: true }).waitFor();
      await page.getByRole('combobox', { name: 'State' }).click();
      await page.getByRole('option', { name: 'Throttled' }).click();
      await page.waitForURL(/state=throttled/);
      await page.getByRole('button', { name: 'Clear filters' }).click();
      await row.getByRole('button', { name: 'Open the query' }).first().click();
      await page.waitForURL(/\/hunting(\?|$)/);
      await page.waitForFunction(() => document.querySelector('.view-lines')?.textContent?.includes('Reported'));
    },
  },
];
