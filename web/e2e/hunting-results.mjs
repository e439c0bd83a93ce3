// The results of a hunt: the grid with many rows, filters, groups, menus, charts, timeline, records, linking.
import assert from 'node:assert/strict';
import { faults, pick, small } from './probe.mjs';

const many = `range n from 1 to 100000 step 1
| extend Timestamp = datetime(2026-01-01) + n * 1s, Name = strcat("name ", n % 7), Empty = "", Nothing = int(null), Fact = n % 2 == 0,
  Bag = bag_pack("id", n, "inner", bag_pack("kind", strcat("k", n % 3), "list", dynamic([1, 2])))`;
const few = many.replace('100000', '60');

const grid = (page) => page.locator('[role=grid], [role=treegrid]');
const line = (page, n) => page.locator(`[data-line="${n}"]`);
const counted = (page, text) => page.getByText(text).first().waitFor();

// run opens a query in a tab of its own and waits for its rows.
async function run(page, open, query) {
  await open(`/hunting?range=all&runQuery=true&query=${encodeURIComponent(query)}`);
  await counted(page, /^[\d,.\s]+ rows? ·/);
}

const cell = async (page, n, column) => {
  const names = await page.locator('[role=columnheader]').evaluateAll((all) => all.map((el) => el.getAttribute('aria-label') ?? ''));
  const at = names.indexOf(column) - 1;
  return line(page, n).locator(`[data-index="${at}"]`);
};

async function clean(page, where) {
  const found = [...(await faults(page)), ...(await small(page))];
  assert.ok(found.length === 0, `${where}: ${found.join('\n')}`);
}

// settled waits until the order that was asked for shows.
const settled = (page) =>
  page.waitForFunction(() => {
    const el = document.querySelector('[role=grid], [role=treegrid]');
    return el?.parentElement && getComputedStyle(el.parentElement).opacity === '1';
  });

async function columnMenu(page, column, item) {
  await page.getByRole('columnheader', { name: column, exact: true }).click({ button: 'right' });
  await page.getByRole('menuitem', { name: item, exact: true }).click();
}

export const tests = [
  {
    name: 'hunting results: 100,000 rows, sort, find, filter, group, pin, select, null beside empty',
    run: async ({ page, open }) => {
      await run(page, open, many);
      await counted(page, /^100,000 rows ·/);
      assert.ok((await page.locator('[data-line]').count()) < 100, 'the grid draws only what shows');
      await page.getByRole('button', { name: 'Columns', exact: true }).click();
      await page.getByRole('switch', { name: /Show empty columns/ }).check();
      await page.keyboard.press('Escape');
      assert.equal((await (await cell(page, 0, 'Nothing')).innerText()).trim(), 'null');
      assert.equal((await (await cell(page, 0, 'Empty')).innerText()).trim(), 'empty');
      assert.equal((await (await cell(page, 1, 'Fact')).innerText()).trim(), 'True');
      await columnMenu(page, 'n', 'Sort descending');
      await settled(page);
      await page.waitForFunction(() => document.querySelector('[data-line="0"]')?.textContent?.includes('2026-01-02 03:46:40'));
      await page.getByRole('columnheader', { name: 'Name', exact: true }).getByRole('button').first().click();
      await page
        .getByRole('columnheader', { name: 'n', exact: true })
        .getByRole('button')
        .first()
        .click({ modifiers: ['Shift'] });
      await settled(page);
      assert.equal((await (await cell(page, 0, 'Name')).innerText()).trim(), 'name 0');
      assert.equal((await (await cell(page, 0, 'n')).innerText()).trim(), '7');
      await page.getByPlaceholder('Find in results').fill('name 3');
      await counted(page, /^14,286 of 100,000 rows/);
      await page.getByPlaceholder('Find in results').fill('');
      await counted(page, /^100,000 rows/);
      await columnMenu(page, 'Name', 'Filter…');
      await page.getByRole('checkbox', { name: 'name 5' }).check();
      await clean(page, 'the filter');
      await page.getByRole('button', { name: 'Apply' }).click();
      await counted(page, /^14,286 of 100,000 rows/);
      await page.getByRole('button', { name: 'Remove the filter Name: name 5' }).click();
      await columnMenu(page, 'Name', 'Group by it');
      await page.getByText('Name: name 1').waitFor();
      assert.equal(await grid(page).getAttribute('role'), 'treegrid');
      await page.getByText('Name: name 1').click();
      await page.locator('[data-row]').first().waitFor();
      await clean(page, 'groups');
      await page.getByRole('button', { name: 'Do not group' }).click();
      await columnMenu(page, 'Name', 'Pin to the left');
      await grid(page).evaluate((el) => el.scrollTo({ left: 600, top: 1e9 }));
      await page.getByLabel('pinned').first().waitFor();
      await line(page, 99_999).waitFor();
      await line(page, 99_999).getByRole('checkbox').click();
      await line(page, 99_996)
        .getByRole('checkbox')
        .click({ modifiers: ['Shift'] });
      await counted(page, /4 selected/);
    },
  },
  {
    name: 'hunting results: keys only, from the query to a copied value, an open record and a longer query',
    run: async ({ page, open }) => {
      await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
      await run(page, open, few);
      await grid(page).focus();
      for (const key of ['ArrowDown', 'ArrowDown', 'ArrowRight', 'ArrowRight']) await page.keyboard.press(key);
      assert.equal((await page.locator('[role=gridcell]').filter({ hasText: 'name 2' }).count()) > 0, true);
      await page.keyboard.press('Control+c');
      await counted(page, 'Value copied');
      assert.equal(await page.evaluate(() => navigator.clipboard.readText()), 'name 2');
      await page.keyboard.press('Space');
      await page.keyboard.press('Shift+ArrowDown');
      await counted(page, /2 selected/);
      await page.keyboard.press('Control+c');
      await counted(page, '2 rows copied');
      assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^n\tTimestamp\tName.*\n2\t.*\n3\t/);
      await page.keyboard.press('Escape');
      await page.keyboard.press('Enter');
      await page.getByRole('complementary', { name: 'Record 3 of 60' }).waitFor();
      await page.keyboard.press('ArrowDown');
      await page.getByRole('complementary', { name: 'Record 4 of 60' }).waitFor();
      await clean(page, 'the record');
      await page
        .getByRole('complementary')
        .getByRole('button', { name: /Close \(Esc\)/ })
        .press('Escape');
      await page.getByRole('complementary').waitFor({ state: 'detached' });
      await grid(page).focus();
      await page.keyboard.press('Control+Home');
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('Shift+F10');
      await page.getByRole('menuitem', { name: 'Does not equal' }).waitFor();
      await clean(page, 'the menu of a value');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      await page.locator('.view-lines').filter({ hasText: '!= "name 1"' }).waitFor();
      await grid(page).focus();
      for (const key of ['Control+Home', 'ArrowUp', 'Enter']) await page.keyboard.press(key);
      await page.locator('[role=columnheader][aria-sort=ascending]').waitFor();
    },
  },
  {
    name: 'hunting results: a structure opens in place and reaches the query',
    run: async ({ page, open }) => {
      await run(page, open, `${few}\n| project n, Timestamp, Bag`);
      await line(page, 0).getByRole('button', { name: 'Expand Bag' }).click();
      await page.getByRole('button', { name: /^kind: k1/ }).click();
      await page.getByRole('menuitem', { name: 'Include this value' }).click();
      await page.locator('.view-lines').filter({ hasText: 'tostring(Bag.inner.kind) == "k1"' }).waitFor();
      await page.getByRole('button', { name: /^id: 1/ }).click();
      await page.getByRole('menuitem', { name: 'Extend into a column' }).click();
      await page.locator('.view-lines').filter({ hasText: 'extend id = tolong(Bag.id)' }).waitFor();
      await page.getByRole('button', { name: 'Run query' }).click();
      await counted(page, /^20 rows ·/);
      await page.getByRole('columnheader', { name: 'id', exact: true }).waitFor();
    },
  },
  {
    name: 'hunting results: the timeline zooms with keys and splits, the row limit is said',
    run: async ({ page, open }) => {
      await run(page, open, `${many}\n| take 5000`);
      const slider = page.getByRole('slider', { name: /Rows over time/ });
      await slider.focus();
      for (const key of ['Home', 'Shift+ArrowRight', 'Enter']) await page.keyboard.press(key);
      await counted(page, / of 5,000 rows/);
      await page.getByRole('button', { name: 'All times' }).click();
      await counted(page, /^5,000 rows/);
      await pick(page, 'Split the timeline by', 'Name');
      await page.getByRole('group', { name: 'Timeline' }).getByText('name 6').waitFor();
      await clean(page, 'the timeline');
      await page.getByRole('button', { name: 'Timeline', exact: true }).click();
      await slider.waitFor({ state: 'detached' });
      await page.getByRole('button', { name: 'Timeline', exact: true }).click();
      await run(page, open, 'range n from 1 to 100001 step 1');
      await counted(page, /The row limit was reached/);
    },
  },
  {
    name: 'hunting results: charts of every kind, numbers, image',
    run: async ({ page, open }) => {
      await run(
        page,
        open,
        `${few}\n| summarize Rows = count(), Sum = sum(n) by bin(Timestamp, 10s), Name\n| render columnchart with (kind=stacked, title="By name")`,
      );
      await page.getByRole('heading', { name: 'By name' }).waitFor();
      await clean(page, 'stacked columns');
      const kinds = await page
        .evaluate(() => 0)
        .then(() => [
          'Column chart',
          'Bar chart',
          'Stacked bars',
          'Pie chart',
          'Line chart',
          'Time chart',
          'Area chart',
          'Stacked area',
          'Scatter chart',
          'Anomaly chart',
          'Ladder chart',
          'Time pivot',
          'Tree map',
          'Pivot table',
          'Card',
        ]);
      for (const kind of kinds) {
        await pick(page, 'View', kind);
        await page
          .locator(kind === 'Card' || kind === 'Pivot table' ? 'h3' : 'svg[data-chart]')
          .first()
          .waitFor();
        const found = await faults(page);
        assert.ok(found.length === 0, `${kind}: ${found.join('\n')}`);
      }
      await pick(page, 'View', 'Line chart');
      const plot = page.getByRole('slider', { name: /arrows move along/ });
      await plot.focus();
      await page.keyboard.press('ArrowRight');
      assert.match(await plot.getAttribute('aria-valuetext'), /2026/);
      for (const form of ['PNG', 'SVG']) {
        const file = page.waitForEvent('download');
        await page.getByRole('button', { name: 'Save image' }).click();
        await page.getByRole('menuitem', { name: form }).click();
        assert.match((await file).suggestedFilename(), new RegExp(`\\.${form.toLowerCase()}$`));
      }
      await page.getByRole('button', { name: 'Numbers' }).click();
      await page.getByRole('region', { name: 'Numbers of the chart' }).getByRole('row').nth(2).waitFor();
    },
  },
  {
    name: 'hunting results: export of what shows and of everything, details with plan and SQL',
    run: async ({ page, open }) => {
      await run(page, open, few);
      for (const [item, end] of [
        ['Rows as CSV', 'csv'],
        ['NDJSON', 'ndjson'],
        ['Parquet', 'parquet'],
      ]) {
        const file = page.waitForEvent('download');
        await page.getByRole('button', { name: 'Export', exact: true }).click();
        await page.getByRole('menuitem', { name: item, exact: true }).click();
        assert.match((await file).suggestedFilename(), new RegExp(`\\.${end}$`));
      }
      await page.getByRole('button', { name: 'Query details' }).click();
      await page.getByRole('tab', { name: 'Plan' }).click();
      await page
        .getByText(/SELECT/)
        .first()
        .waitFor();
      await clean(page, 'the details');
    },
  },
  {
    name: 'hunting results: the record of a process has its tree and related events; rows become an alert of an incident',
    run: async ({ page, open }) => {
      await run(
        page,
        open,
        'DeviceProcessEvents\n| where isnotempty(InitiatingProcessFileName) and isnotempty(DeviceName) and isnotempty(AccountName)\n| take 20',
      );
      const cells = line(page, 0).locator('[data-index="3"]');
      await cells.click();
      const pane = page.getByRole('complementary', { name: /^Record 1 of/ });
      await pane.getByRole('tree', { name: 'Process tree' }).getByRole('treeitem').nth(1).waitFor();
      await pane.getByText('Looking for relatives').waitFor({ state: 'detached' });
      await clean(page, 'the record of a process');
      await pane.getByRole('button', { name: 'Hunt for related events' }).click();
      await page.getByRole('columnheader', { name: 'Relevance' }).waitFor();
      await counted(page, /row/);
      await page.getByPlaceholder('Find in results').fill('Selected event');
      await counted(page, /^[1-9].* of/);
      await run(page, open, 'DeviceProcessEvents\n| where isnotempty(DeviceName)\n| take 5');
      await grid(page).focus();
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Space');
      await counted(page, /1 selected/);
      await page.getByRole('button', { name: 'Link to incident' }).click();
      const dialog = page.locator('[role=alertdialog]');
      await dialog.getByLabel('Alert title').fill('Found by hand');
      await clean(page, 'the first step of linking');
      await dialog.getByRole('button', { name: 'Next' }).click();
      await dialog.getByText('1 alert of 1 row').waitFor();
      await clean(page, 'the entities of linking');
      await dialog.getByRole('button', { name: 'Next' }).click();
      await dialog.getByRole('button', { name: 'Make the alert' }).click();
      await dialog.getByRole('link', { name: /^incident \d+/ }).click();
      await page.waitForURL(/\/incidents\/\d+/);
      await page.getByText('Found by hand').first().waitFor();
    },
  },
];
