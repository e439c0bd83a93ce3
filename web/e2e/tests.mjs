import assert from 'node:assert/strict';
import { tests as data } from './data.mjs';
import { tests as huntingAuthoring } from './hunting-authoring.mjs';
import { tests as huntingResults } from './hunting-results.mjs';
import { faults, pick, small, until } from './probe.mjs';

const rows = (page) => page.locator('[role="row"][data-row-id]');

async function listReady(page) {
  await rows(page).first().waitFor();
}

// biggest is the id of the incident with most alerts.
async function biggest(page) {
  const list = await page.evaluate(async () => (await fetch('/api/incidents?$top=100&orderby=alertCount:desc')).json());
  assert.ok(list.value.length > 0, 'the server has no incident; start it with the evaluation lab loaded');
  return list.value.sort((a, b) => b.alertCount - a.alertCount)[0];
}

export const tests = [
  {
    name: 'sign-in refuses a wrong password and keeps the wanted address',
    needed: true,
    run: async ({ page, open, user, password, newPassword }) => {
      await open('/incidents?severity=High');
      await page.getByRole('heading', { name: 'Sign in' }).waitFor();
      assert.deepEqual(await faults(page), []);
      await page.locator('input[name=name]').fill(user);
      await page.locator('input[name=password]').fill(`${password}-wrong`);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('alert').filter({ hasText: 'wrong' }).waitFor();
      await page.locator('input[name=password]').fill(password);
      await page.keyboard.press('Enter');
      await page.locator('header, input[name=current]').first().waitFor();
      if ((await page.locator('input[name=current]').count()) > 0) {
        assert.deepEqual(await faults(page), []);
        await page.locator('input[name=current]').fill(password);
        await page.locator('input[name=next]').fill('short');
        await page.locator('input[name=again]').fill('short');
        await page.keyboard.press('Enter');
        await page.getByText('at least 12 characters').first().waitFor();
        await page.locator('input[name=next]').fill(newPassword);
        await page.locator('input[name=again]').fill(newPassword);
        await page.keyboard.press('Enter');
      }
      await page.getByRole('heading', { name: 'Incidents', exact: true }).waitFor();
      assert.match(page.url(), /severity=High/);
    },
  },
  {
    name: 'incident queue: filters live in the address, count follows, back works',
    run: async ({ page, open }) => {
      await open('/incidents');
      await listReady(page);
      const all = await rows(page).count();
      assert.ok(all > 1, `expected several incidents, saw ${all}`);
      await page.getByRole('button', { name: 'Add filter' }).click();
      await page.getByRole('menuitem', { name: 'Service source' }).click();
      await page.getByRole('checkbox', { name: 'Email' }).check();
      await page.waitForURL(/serviceSource=email/);
      await page.keyboard.press('Escape');
      await page.getByText(/Service source: Email/).waitFor();
      const expected = await page.evaluate(async () => (await fetch('/api/incidents?serviceSource=email&$count=true')).json());
      await page.getByText(new RegExp(`^${expected.count} incidents?`)).waitFor();
      const filtered = page.url();
      await page.reload();
      await page.getByText(/Service source: Email/).waitFor();
      assert.equal(page.url(), filtered);
      await page.goBack();
      await page.getByText(/Service source: Email/).waitFor({ state: 'detached' });
      await open('/incidents?search=no-such-incident-anywhere');
      await page.getByRole('button', { name: 'Clear filters' }).click();
      await listReady(page);
    },
  },
  {
    name: 'incident queue: pane, steps, row expands to alerts, columns',
    run: async ({ page, open }) => {
      await open('/incidents');
      await listReady(page);
      const box = await rows(page).first().boundingBox();
      await page.mouse.click(box.x + box.width * 0.5, box.y + box.height / 2);
      const pane = page.getByRole('complementary');
      await pane.waitFor();
      assert.match(page.url(), /pane=/);
      const first = await pane.getAttribute('aria-label');
      await pane.getByRole('button', { name: /Next/ }).click();
      await page.waitForFunction((name) => document.querySelector('aside')?.getAttribute('aria-label') !== name, first);
      await pane.getByRole('button', { name: /Close/ }).click();
      await pane.waitFor({ state: 'detached' });
      await page
        .getByRole('button', { name: /^Expand / })
        .first()
        .click();
      await page.getByRole('list', { name: 'Alerts of the incident' }).getByRole('link').first().waitFor();
      await page.getByRole('button', { name: 'View', exact: true }).click();
      await page.getByRole('checkbox', { name: 'Techniques' }).check();
      await page.keyboard.press('Escape');
      await page.getByRole('columnheader', { name: /Techniques/ }).waitFor({ state: 'attached' });
      await page.reload();
      await page.getByRole('columnheader', { name: /Techniques/ }).waitFor({ state: 'attached' });
    },
  },
  {
    name: 'incident page: every tab shows what its count says',
    run: async ({ page, open }) => {
      await open('/incidents');
      await listReady(page);
      const incident = await biggest(page);
      await open(`/incidents/${incident.id}`);
      await page.getByRole('heading', { name: incident.name }).waitFor();
      await page.getByRole('region', { name: 'Alert timeline' }).getByRole('listitem').first().waitFor();
      await page.getByRole('tab', { name: /^Alerts/ }).click();
      await page.waitForURL(/tab=alerts/);
      await listReady(page);
      assert.equal(Number(await page.getByRole('grid').getAttribute('aria-rowcount')) - 1, incident.alertCount);
      for (const [tab, n] of [
        ['Devices', incident.deviceCount],
        ['Users', incident.userCount],
        ['Mailboxes', incident.mailboxCount],
      ]) {
        await page.getByRole('tab', { name: new RegExp(`^${tab}`) }).click();
        if (n > 0) {
          await page.getByRole('grid').waitFor();
          await page.waitForFunction(
            (want) => Number(document.querySelector('[role=grid]')?.getAttribute('aria-rowcount')) === want + 1,
            n,
          );
        } else await page.getByText(/takes part in this incident/).waitFor();
      }
      await page.getByRole('tab', { name: /^Investigations/ }).click();
      await page.getByText('No automated investigation ran').waitFor();
      await page.getByRole('tab', { name: /^Evidence/ }).click();
      await listReady(page);
    },
  },
  {
    name: 'why joined: kind, entity, rarity, gap and weight of an edge',
    run: async ({ page, open }) => {
      await open('/incidents');
      await listReady(page);
      const { id } = await biggest(page);
      const incident = await page.evaluate(async (i) => (await fetch(`/api/incidents/${i}`)).json(), id);
      const join = incident.joins?.[0];
      assert.ok(join, 'the biggest incident has no explained join');
      await open(`/incidents/${id}?tab=alerts&pane=${encodeURIComponent(join.alertId)}`);
      const why = page.getByRole('list', { name: 'Why joined' });
      await why.waitFor();
      await why.getByText(join.text, { exact: false }).first().waitFor();
      const words = await why.innerText();
      for (const fact of ['Kind', 'Entity', 'Rarity', 'Gap', 'Weight', 'With alert'])
        assert.ok(words.includes(fact), `why joined does not name ${fact}`);
      await page.getByRole('button', { name: 'Unlink' }).waitFor();
    },
  },
  {
    name: 'attack story: the graph is drawn, the list names the same ties',
    run: async ({ page, open }) => {
      await open('/incidents');
      await listReady(page);
      const { id } = await biggest(page);
      await open(`/incidents/${id}?tab=graph`);
      await page.locator('.react-flow__node').first().waitFor();
      const graph = await page.evaluate(async (i) => (await fetch(`/api/incidents/${i}/graph`)).json(), id);
      await page.getByRole('tab', { name: 'List' }).click();
      await page.waitForURL(/view=list/);
      assert.equal(await page.locator('tbody tr').count(), graph.edges.length);
      await page.locator('tbody tr button').first().click();
      await page.getByRole('region', { name: 'Tied to' }).waitFor();
    },
  },
  {
    name: 'alert story: a tree that the arrow keys walk',
    run: async ({ page, open }) => {
      await open('/alerts');
      await listReady(page);
      const alert = await page.evaluate(async () => {
        const list = await (await fetch('/api/alerts?serviceSource=endpoint&$top=50')).json();
        for (const a of list.value) {
          const story = await (await fetch(`/api/alerts/${a.id}/story`)).json();
          if (story.nodes.length >= 3) return a;
        }
        return null;
      });
      assert.ok(alert, 'no endpoint alert has a story');
      await open(`/alerts/${alert.id}`);
      const tree = page.getByRole('tree', { name: 'Alert story' });
      await tree.waitFor();
      await tree.getByRole('treeitem', { selected: true }).focus();
      await page.keyboard.press('Home');
      const top = tree.getByRole('treeitem').first();
      await page.waitForFunction(() => document.activeElement?.getAttribute('aria-level') === '1');
      const before = await tree.getByRole('treeitem').count();
      if ((await top.getAttribute('aria-expanded')) === 'true') {
        await page.keyboard.press('ArrowLeft');
        await page.waitForFunction((n) => document.querySelectorAll('[role=treeitem]').length < n, before);
        await page.keyboard.press('ArrowRight');
        await page.waitForFunction((n) => document.querySelectorAll('[role=treeitem]').length === n, before);
      }
      await page.keyboard.press('ArrowDown');
      assert.equal(await tree.getByRole('treeitem').nth(1).getAttribute('aria-selected'), 'true');
      await page.getByRole('region', { name: 'Matched fields' }).waitFor();
      await page.getByRole('region', { name: 'Hits' }).waitFor();
    },
  },
  ...huntingAuthoring,
  ...huntingResults,
  ...data,
  {
    name: 'manage: status, classification and a comment, then undo',
    run: async ({ page, open, user }) => {
      await open('/incidents');
      await listReady(page);
      const { id } = await biggest(page);
      await open(`/incidents/${id}?side=manage`);
      const pane = page.getByRole('complementary', { name: 'Manage incident' });
      await pane.waitFor();
      const status = await pane.getByRole('combobox', { name: 'Status' }).innerText();
      const next = /In progress/.test(status) ? 'Active' : 'In progress';
      await pick(page, 'Status', next);
      await pane.getByRole('combobox', { name: 'Classification' }).click();
      await page.getByRole('option', { name: 'Compromised account' }).click();
      const comment = `Looked at in the browser test ${Date.now()}`;
      await pane.getByRole('textbox', { name: 'Comment' }).fill(comment);
      await pane.getByRole('button', { name: 'Save' }).click();
      await pane.waitFor({ state: 'detached' });
      const after = await page.evaluate(async (i) => (await fetch(`/api/incidents/${i}`)).json(), id);
      assert.equal(after.determination, 'CompromisedAccount');
      await page.getByText('Undo', { exact: true }).first().click();
      await until(page, async (i) => (await (await fetch(`/api/incidents/${i}`)).json()).classification === 'Unknown', id);
      await page.getByRole('button', { name: 'Comments and history' }).click();
      await page.getByRole('complementary', { name: 'Comments and history' }).getByText(comment).first().waitFor();
      assert.ok(user);
    },
  },
  {
    name: 'bulk: select with keys and mouse, assign, undo',
    run: async ({ page, open, user }) => {
      await open('/alerts');
      await listReady(page);
      await rows(page).nth(0).getByRole('checkbox').click();
      await rows(page)
        .nth(2)
        .getByRole('checkbox')
        .click({ modifiers: ['Shift'] });
      await page.getByRole('button', { name: /Manage 3 alerts/ }).click();
      const pane = page.getByRole('complementary', { name: 'Manage 3 alerts' });
      await pane.getByRole('combobox', { name: 'Assigned to' }).fill(user);
      await pane.getByRole('button', { name: 'Save' }).click();
      await pane.waitFor({ state: 'detached' });
      const mine = await page.evaluate(async (u) => (await fetch(`/api/alerts?assignedTo=${u}&$count=true`)).json(), user);
      assert.ok(mine.count >= 3, `expected 3 assigned alerts, the server has ${mine.count}`);
      await page.getByText('Undo', { exact: true }).first().click();
      await page.getByText('Undone', { exact: true }).first().waitFor();
    },
  },
  {
    name: 'keys only: from home into an incident and back to search and help',
    run: async ({ page, open }) => {
      await open('/');
      await page.getByRole('heading', { name: 'Home' }).waitFor();
      await page.keyboard.press('g');
      await page.keyboard.press('i');
      await page.getByRole('heading', { name: 'Incidents', exact: true }).waitFor();
      await listReady(page);
      await page.keyboard.press('j');
      await page.keyboard.press('x');
      await page.getByText(/1 selected/).waitFor();
      await page.keyboard.press('x');
      await page.keyboard.press('Enter');
      await page.waitForURL(/\/incidents\/\d+/);
      await page.keyboard.press('/');
      assert.equal(await page.evaluate(() => document.activeElement?.id), 'global-search');
      await page.keyboard.type('lab.bartizan');
      await page.getByRole('option').first().waitFor();
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Escape');
      await page.keyboard.press('?');
      await page.getByRole('dialog').getByText('Shift+Enter').waitFor();
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      await page.keyboard.press('g');
      await page.keyboard.press('h');
      await page.waitForURL(/\/hunting/);
      await page.locator('.monaco-editor').first().waitFor();
    },
  },
  ...['light', 'dark'].map((scheme) => ({
    name: `accessible in ${scheme}: no WCAG 2.2 AA fault and no text below 12 px on any page`,
    run: async ({ page, open }) => {
      await page.emulateMedia({ colorScheme: scheme });
      await open('/incidents');
      await listReady(page);
      const { id } = await biggest(page);
      const { value } = await page.evaluate(async () => (await fetch('/api/alerts?serviceSource=endpoint&$top=1')).json());
      const rules = await page.evaluate(async () => (await fetch('/api/rules?$top=1')).json());
      const pages = [
        ['/', 'Newest alerts'],
        ['/incidents', 'Incident name'],
        [`/incidents?pane=${id}`, 'Open incident page'],
        [`/incidents/${id}`, 'Alert timeline'],
        [`/incidents/${id}?tab=alerts`, 'Why joined'],
        [`/incidents/${id}?tab=graph&view=list`, 'Reason'],
        [`/incidents/${id}?tab=evidence`, 'Verdict'],
        [`/incidents/${id}?side=manage`, 'Classification'],
        ['/alerts', 'Alert name'],
        [`/alerts/${value[0].id}`, 'Matched fields'],
        ['/hunting', 'Run query'],
        ['/hunting/usage', 'Query resources report'],
        ['/rules', 'Log source'],
        [`/rules/${encodeURIComponent(rules.value[0].id)}`, 'Properties'],
        ['/sources', 'Last record'],
        ['/sources?tab=senders', 'Last hour'],
        ['/sources?tab=connect', 'Make a token for it'],
        ['/sources?tab=refused', 'Refused records'],
        ['/connectors', 'Add a connector'],
        ['/mappings', 'New mapping'],
        ['/mappings?tab=tables', 'Custom tables'],
        ['/mappings/edit', 'Samples'],
        ['/lake', 'Last row arrived'],
        ['/lab', 'Run all scenarios'],
        ['/settings?tab=settings', 'Default'],
        ['/settings?tab=users', 'Last sign-in'],
        ['/settings?tab=tokens', 'New token'],
        ['/settings?tab=about', 'Licence'],
        ['/health', 'Work that waits'],
      ];
      const found = [];
      for (const [path, text] of pages) {
        await open(path);
        await page.getByText(text, { exact: true }).first().waitFor();
        await page.waitForTimeout(300);
        for (const fault of await faults(page)) found.push(`${path}: ${fault}`);
        for (const tiny of await small(page)) found.push(`${path}: text of ${tiny}`);
      }
      await page.emulateMedia({ colorScheme: 'light' });
      assert.ok(found.length === 0, found.join('\n'));
    },
  })),
  {
    name: 'narrow: 390 px wide, nothing scrolls sideways, quick launch is a drawer',
    run: async ({ page, open }) => {
      await page.setViewportSize({ width: 390, height: 844 });
      try {
        for (const path of [
          '/',
          '/incidents',
          '/alerts',
          '/hunting',
          '/hunting/usage',
          '/sources',
          '/sources?tab=connect',
          '/connectors',
          '/mappings',
          '/mappings/edit',
          '/lake',
          '/lab',
          '/health',
        ]) {
          await open(path);
          await page.locator('h1').first().waitFor();
          await page.waitForTimeout(500);
          const wide = await page.evaluate(() => document.documentElement.scrollWidth);
          assert.ok(wide <= 390, `${path} is ${wide} px wide`);
        }
        await page.getByRole('button', { name: 'Open quick launch' }).click();
        await page.getByRole('navigation', { name: 'Quick launch' }).getByRole('link', { name: 'Incidents' }).click();
        await page.getByRole('heading', { name: 'Incidents', exact: true }).waitFor();
      } finally {
        await page.setViewportSize({ width: 1440, height: 900 });
      }
    },
  },
  {
    name: 'sign-out ends the session',
    run: async ({ page, open }) => {
      await open('/');
      await page.getByRole('button', { name: /account/ }).click();
      await page.getByRole('menuitem', { name: 'Sign out' }).click();
      await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    },
  },
];
