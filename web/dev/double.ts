// A stand-in for the server while the portal is developed: made-up data in memory, the agreed API, no security. Used by "npm run dev:double" only;
// nothing of it is part of a build. Query parameters of the page steer it: the sign-in name chooses the role ("reader" may not manage).
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Plugin } from 'vite';
import { makeWorld, type World } from './world.ts';

type Body = Record<string, unknown>;
type Reply = { status?: number; body?: unknown };

const refuse = (status: number, code: string, message: string, details?: unknown): Reply => ({
  status,
  body: { error: { code, message, ...(details ? { details } : {}) } },
});

// The policy the server sends, so that what it forbids is noticed here.
const policy =
  "default-src 'self'; script-src 'self'; worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

async function readBody(request: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return text === '' ? {} : (JSON.parse(text) as Body);
}

const manage = [
  'secops.data.read',
  'secops.alerts.manage',
  'secops.raw.mailmeta.read',
  'auth.roles.read',
  'auth.roles.manage',
  'settings.core.read',
  'settings.core.manage',
  'settings.detection.manage',
  'settings.system.read',
];

const rank: Record<string, number> = { Informational: 0, Low: 1, Medium: 2, High: 3 };
const statusRank: Record<string, number> = { New: 0, Active: 0, InProgress: 1, Resolved: 2 };

function select(all: Body[], q: URLSearchParams): Body[] {
  const many: [string, (r: Body) => unknown[]][] = [
    ['status', (r) => [r.status]],
    ['severity', (r) => [r.severity]],
    ['assignedTo', (r) => [r.assignedTo]],
    ['classification', (r) => [r.classification]],
    ['category', (r) => (r.categories as unknown[] | undefined) ?? [r.category]],
    ['serviceSource', (r) => (r.serviceSources as unknown[] | undefined) ?? [r.serviceSource]],
    ['tag', (r) => r.tags as unknown[]],
  ];
  let out = all;
  for (const [name, of] of many) {
    const wanted = q.getAll(name);
    if (wanted.length > 0) out = out.filter((r) => of(r).some((v) => wanted.includes(String(v))));
  }
  const search = (q.get('search') ?? '').toLowerCase();
  if (search)
    out = out.filter((r) => `${String(r.id)} ${String(r.name ?? r.title)} ${JSON.stringify(r.devices)}`.toLowerCase().includes(search));
  if (q.get('lab')) out = out.filter((r) => String(r.lab) === q.get('lab'));
  const from = q.get('from');
  if (from) out = out.filter((r) => String(r.lastActivity) >= from);
  const incident = q.get('incidentId');
  if (incident) out = out.filter((r) => String(r.incidentId) === incident);
  const rule = q.get('ruleId');
  if (rule) out = out.filter((r) => r.ruleId === rule);
  const [field = '', way] = (q.get('orderby') ?? '').split(':');
  if (field) {
    const key = (r: Body): string | number =>
      field === 'severity'
        ? (rank[String(r.severity)] ?? 0)
        : field === 'status'
          ? (statusRank[String(r.status)] ?? 0)
          : ((r[field] as string | number | undefined) ?? '');
    out = [...out].sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0) * (way === 'asc' ? 1 : -1));
  }
  return out;
}

function page(all: Body[], q: URLSearchParams): Reply {
  const skip = Number(q.get('$skip') ?? 0);
  const top = Number(q.get('$top') ?? 50);
  return { body: { value: all.slice(skip, skip + top), count: all.length } };
}

function facets(all: Body[]): Reply {
  const out: Record<string, Record<string, number>> = {};
  const add = (name: string, value: unknown) => {
    const counts = (out[name] ??= {});
    counts[String(value)] = (counts[String(value)] ?? 0) + 1;
  };
  for (const r of all) {
    for (const name of ['status', 'severity', 'assignedTo', 'classification']) add(name, r[name]);
    for (const v of (r.categories as unknown[] | undefined) ?? [r.category]) add('category', v);
    for (const v of (r.serviceSources as unknown[] | undefined) ?? [r.serviceSource]) add('serviceSource', v);
    for (const v of r.tags as unknown[]) add('tag', v);
  }
  return { body: out };
}

function patch(world: World, row: Body | undefined, change: Body, who: string): Reply {
  if (!row) return refuse(404, 'not_found', 'there is no such thing');
  for (const [name, value] of Object.entries(change)) {
    if (name === 'comment')
      world.activities.unshift({
        time: new Date().toISOString(),
        actor: who,
        actorKind: 'user',
        type: 'comment',
        targetType: 'incident',
        targetId: String(row.id),
        text: value,
      });
    else if (name !== 'resolvingComment') {
      world.activities.unshift({
        time: new Date().toISOString(),
        actor: who,
        actorKind: 'user',
        type: name,
        targetType: 'incident',
        targetId: String(row.id),
        old: String(row[name]),
        new: String(value),
        text: `${name} changed from ${String(row[name])} to ${String(value)}`,
      });
      row[name] = value;
    }
  }
  row.lastUpdateTime = new Date().toISOString();
  return { body: row };
}

// double answers the API from memory.
export function double(): Plugin {
  const world = makeWorld();
  let signedIn = '';
  let mustChange = false;
  const streams = new Set<ServerResponse>();
  const tell = (event: string, id: unknown, change: string) => {
    for (const s of streams)
      s.write(`event: ${event}\ndata: ${JSON.stringify({ id: String(id), change, time: new Date().toISOString() })}\n\n`);
  };
  const byId = (list: Body[], id: string) => list.find((r) => String(r.id) === id);

  async function answer(method: string, path: string, q: URLSearchParams, body: Body): Promise<Reply> {
    const incidents = world.incidents;
    const alerts = world.alerts;
    if (path === '/api/session') {
      if (method === 'POST') {
        if (body.password === 'wrong') return refuse(401, 'unauthorized', 'wrong name or password');
        signedIn = String(body.name);
        mustChange = signedIn === 'new';
      }
      if (method === 'DELETE') {
        signedIn = '';
        return { status: 204 };
      }
      if (signedIn === '') return refuse(401, 'unauthorized', 'nobody is signed in');
      const permissions = signedIn === 'nobody' ? [] : signedIn === 'reader' ? ['secops.data.read'] : manage;
      return {
        body: {
          user: {
            id: `u-${signedIn}`,
            name: signedIn,
            displayName: signedIn === 'ana' ? 'Ana Moreno' : signedIn,
            roles: [signedIn === 'reader' ? 'security-reader' : 'security-admin'],
            permissions,
            mustChangePassword: mustChange,
          },
          tenant: { id: 'default', name: 'Default' },
          tenants: [{ id: 'default', name: 'Default' }],
          csrf: 'x',
          zone: 'UTC',
          version: '0.1.0',
          lab: { loaded: true, runs: 3 },
          mustChangePassword: mustChange,
        },
      };
    }
    if (signedIn === '') return refuse(401, 'unauthorized', 'nobody is signed in');
    if (path === '/api/session/password') {
      mustChange = false;
      return { status: 204 };
    }
    if (signedIn === 'nobody') return refuse(403, 'permission', 'you lack the permission secops.data.read');
    const parts = path.split('/').slice(2).map(decodeURIComponent);
    const [area = '', id = '', sub = ''] = parts;
    if (area === 'incidents') {
      if (id === '') return page(select(incidents, q), q);
      if (id === 'facets') return facets(select(incidents, q));
      if (id === 'bulk') {
        for (const i of body.ids as number[]) {
          patch(world, byId(incidents, String(i)), body.patch as Body, signedIn);
          tell('incident', i, 'updated');
        }
        return { body: { updated: (body.ids as number[]).length, failed: [] } };
      }
      const incident = byId(incidents, id);
      if (!incident) return refuse(404, 'not_found', `there is no incident ${id}`);
      const own = alerts.filter((a) => String(a.incidentId) === id);
      if (sub === '' && method === 'PATCH') {
        const reply = patch(world, incident, body, signedIn);
        tell('incident', id, 'updated');
        return reply;
      }
      if (sub === '') return { body: { ...incident, joins: world.joins(own) } };
      if (sub === 'comments') return patch(world, incident, { comment: body.comment }, signedIn);
      if (sub === 'alerts')
        return page(
          [...own].sort((a, b) => (String(a.firstActivity) < String(b.firstActivity) ? -1 : 1)),
          q,
        );
      if (sub === 'devices' || sub === 'users' || sub === 'mailboxes') return page(world.assets(incident, sub, own), q);
      if (sub === 'investigations') return page([], q);
      if (sub === 'evidence') return page(world.evidence(own), q);
      if (sub === 'activities')
        return page(
          world.activities.filter((a) => a.targetId === id),
          q,
        );
      if (sub === 'graph') return { body: world.graph(own) };
      if (sub === 'merge') return { body: byId(incidents, String(body.intoId)) };
    }
    if (area === 'alerts') {
      if (id === '') return page(select(alerts, q), q);
      if (id === 'facets') return facets(select(alerts, q));
      if (id === 'bulk') {
        for (const a of body.ids as string[]) patch(world, byId(alerts, a), body.patch as Body, signedIn);
        return { body: { updated: (body.ids as string[]).length, failed: [] } };
      }
      if (id === 'move') {
        const into = Number(body.incidentId ?? incidents[0]?.id);
        for (const a of body.alertIds as string[]) Object.assign(byId(alerts, a) ?? {}, { incidentId: into });
        return { body: { incidentId: into } };
      }
      const alert = byId(alerts, id);
      if (!alert) return refuse(404, 'not_found', `there is no alert ${id}`);
      const siblings = alerts.filter((a) => a.incidentId === alert.incidentId);
      if (sub === '' && method === 'PATCH') return patch(world, alert, body, signedIn);
      if (sub === '')
        return {
          body: { ...alert, ...world.full(alert), joins: world.joins(siblings).filter((j) => j.alertId === id || j.toAlertId === id) },
        };
      if (sub === 'comments') return patch(world, alert, { comment: body.comment }, signedIn);
      if (sub === 'story') return { body: world.story(alert) };
      if (sub === 'activities')
        return page(
          world.activities.filter((a) => a.targetId === id),
          q,
        );
      if (sub === 'unlink') {
        alert.incidentId = incidents[1]?.id;
        return { body: { incidentId: alert.incidentId } };
      }
    }
    if (area === 'hunting') {
      const text = String(body.query ?? '');
      if (id === 'schema') return { body: { tables: world.tables } };
      if (id === 'check') return { body: { diagnostics: [] } };
      if (id === 'run') {
        await new Promise((r) => setTimeout(r, 150));
        if (text.includes('Devcie'))
          return refuse(422, 'name', "there is no table 'DevcieProcessEvents'", {
            line: text.split('\n').findIndex((l) => l.includes('Devcie')) + 1,
            column: 1,
            hint: "did you mean 'DeviceProcessEvents'?",
          });
        return { body: world.hunt(text) };
      }
      if (id === 'queries' && method === 'POST') {
        const saved = { id: `q${world.queries.length}`, ...body, owner: signedIn, mine: true, modifiedTime: new Date().toISOString() };
        world.queries.push(saved);
        return { body: saved };
      }
      if (id === 'queries' && method === 'DELETE') {
        world.queries.splice(0, world.queries.length, ...world.queries.filter((x) => x.id !== sub));
        return { status: 204 };
      }
      if (id === 'queries') return page(world.queries, q);
      if (id === 'history') return page(world.history, q);
    }
    if (area === 'rules') {
      if (id === '') return page(select(world.rules, q), q);
      const rule = byId(world.rules, id);
      if (method === 'PATCH' && rule) rule.enabled = body.enabled;
      return rule ? { body: rule } : refuse(404, 'not_found', `there is no rule ${id}`);
    }
    if (area === 'sources') return id === 'refused' ? page(world.refused, q) : page(world.sources, q);
    if (area === 'lab') {
      if (method === 'DELETE') {
        world.lab.runs = [];
        return { body: { rows: 12840, alerts: 34, incidents: 6, runs: 3 } };
      }
      if (method === 'POST') {
        tell('lab', 'r9', 'created');
        return { status: 202, body: { value: [] } };
      }
      return { body: world.lab };
    }
    if (area === 'settings') return method === 'PUT' ? { body: {} } : page(world.settings, q);
    if (area === 'users') return page(world.users, q);
    if (area === 'roles') return page(world.roles, q);
    if (area === 'assignees') return page(world.users, q);
    if (area === 'tokens')
      return method === 'POST' ? { body: { id: 't9', ...body, token: 'brz_example_only', createdBy: signedIn } } : page(world.tokens, q);
    if (area === 'health') return { body: world.health };
    if (area === 'entities') {
      const find = (q.get('q') ?? '').toLowerCase();
      const hits = [
        ...select(incidents, new URLSearchParams({ search: find }))
          .slice(0, 5)
          .map((i) => ({
            kind: 'incident',
            key: String(i.id),
            label: i.name,
            detail: `${String(i.severity)}, ${String(i.status)}`,
            url: `/incidents/${String(i.id)}`,
          })),
        ...select(alerts, new URLSearchParams({ search: find }))
          .slice(0, 5)
          .map((a) => ({ kind: 'alert', key: a.id, label: a.title, detail: a.severity, url: `/alerts/${String(a.id)}` })),
        ...world.devices
          .filter((d) => d.name.toLowerCase().includes(find))
          .slice(0, 5)
          .map((d) => ({
            kind: 'device',
            key: d.key,
            label: d.name,
            detail: 'Device',
            url: `/incidents?entity=${encodeURIComponent(d.key)}`,
          })),
      ];
      return page(hits, q);
    }
    return refuse(404, 'not_found', `there is no ${path}`);
  }

  let next = 100_000;
  const serve = (request: IncomingMessage, response: ServerResponse, pass: () => void) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    response.setHeader('Content-Security-Policy', policy);
    if (!url.pathname.startsWith('/api/')) {
      pass();
      return;
    }
    response.setHeader('X-Request-Id', '01JDEVDOUBLE0000000000');
    if (url.pathname === '/api/events') {
      response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
      response.write('retry: 3000\n\n');
      streams.add(response);
      request.on('close', () => streams.delete(response));
      return;
    }
    // A stand-in for detections that arrive: POST /api/double/arrive?n=12.
    if (url.pathname === '/api/double/arrive') {
      for (let i = 0; i < Number(url.searchParams.get('n') ?? 1); i++) tell('incident', next++, 'created');
      response.end('{}');
      return;
    }
    void readBody(request)
      .then((body) => answer(request.method ?? 'GET', url.pathname, url.searchParams, body))
      .then((reply) => {
        response.statusCode = reply.status ?? 200;
        response.setHeader('Content-Type', 'application/json');
        response.end(reply.body === undefined ? '' : JSON.stringify(reply.body));
      });
  };
  return {
    name: 'bartizan-double',
    configureServer(server) {
      server.middlewares.use(serve);
    },
    configurePreviewServer(server) {
      server.middlewares.use(serve);
    },
  };
}
