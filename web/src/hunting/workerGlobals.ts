// The language service was compiled for scripts that share one global object, which they call "global" or "window".
const scope = globalThis as unknown as Record<string, unknown>;
scope.global = globalThis;
scope.window = globalThis;

export {};
