// One way to the server: JSON in and out, the session cookie, the CSRF header for changing calls, the tenant header, and errors as ApiError.

export interface ErrorBody {
  error?: { code?: string; message?: string; target?: string; details?: Record<string, unknown> };
}

// ApiError is a failure the server described, or the absence of an answer (status 0, code "unreachable").
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly requestId = '',
    readonly target = '',
    readonly details: Record<string, unknown> = {},
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

export type ParamValue = string | number | boolean | undefined | null | readonly string[];
export type Params = Record<string, ParamValue>;

// query writes parameters as a query string: arrays repeat the name, empty values are left out.
export function query(params: Params): string {
  const out = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined || value === null || value === '') continue;
    if (Array.isArray(value)) for (const v of value) out.append(name, String(v));
    else out.append(name, String(value));
  }
  const text = out.toString();
  return text === '' ? '' : `?${text}`;
}

interface Credentials {
  csrf: string;
  tenant: string;
  onUnauthorized: () => void;
}

const credentials: Credentials = { csrf: '', tenant: '', onUnauthorized: () => undefined };

// setCredentials keeps what every later call sends along.
export function setCredentials(next: Partial<Credentials>): void {
  Object.assign(credentials, next);
}

export function currentTenant(): string {
  return credentials.tenant;
}

async function failure(response: Response): Promise<ApiError> {
  const requestId = response.headers.get('X-Request-Id') ?? '';
  let body: ErrorBody = {};
  try {
    body = (await response.json()) as ErrorBody;
  } catch {
    // Not JSON: the status has to speak for itself.
  }
  const e = body.error ?? {};
  const fallback =
    response.status === 502 || response.status === 504 ? 'The server does not answer.' : `The server answered ${response.status}.`;
  return new ApiError(
    response.status,
    e.code ?? `http_${response.status}`,
    e.message ?? fallback,
    requestId,
    e.target ?? '',
    e.details ?? {},
  );
}

// send makes a call and returns the raw response, which is an OK one.
export async function send(
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
  accept = 'application/json',
): Promise<Response> {
  const headers: Record<string, string> = { Accept: accept };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (method !== 'GET' && credentials.csrf !== '') headers['X-Bartizan-Csrf'] = credentials.csrf;
  if (credentials.tenant !== '') headers['X-Tenant'] = credentials.tenant;
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers,
      credentials: 'same-origin',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    });
  } catch (err) {
    if (err instanceof DOMException && err.name === 'AbortError') throw err;
    throw new ApiError(0, 'unreachable', 'The server cannot be reached. Check the network, or whether the server is running.');
  }
  if (!response.ok) {
    const err = await failure(response);
    if (err.status === 401 && !path.startsWith('/api/session')) credentials.onUnauthorized();
    throw err;
  }
  return response;
}

async function json<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const response = await send(method, path, body, signal);
  if (response.status === 204) return undefined as T;
  const text = await response.text();
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

export const client = {
  get: <T>(path: string, params: Params = {}, signal?: AbortSignal) => json<T>('GET', path + query(params), undefined, signal),
  post: <T>(path: string, body: unknown = {}, signal?: AbortSignal) => json<T>('POST', path, body, signal),
  patch: <T>(path: string, body: unknown) => json<T>('PATCH', path, body),
  put: <T>(path: string, body: unknown) => json<T>('PUT', path, body),
  delete: <T>(path: string) => json<T>('DELETE', path),
};
