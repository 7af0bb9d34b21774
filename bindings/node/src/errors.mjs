// What the SDK throws. No message holds client data or a secret.

const BRAND = Symbol.for('@casehug/clio-sync/error');

/**
 * A failure of the SDK: `code`, `number`, `kind`, `retry`, `context` and `path` are those of every
 * language.
 */
export class CasehugClioError extends Error {
  constructor(json) {
    const { message, retry_after_ms: retryAfterMs, ...fields } = JSON.parse(json);
    super(message);
    Object.assign(this, fields);
    if (retryAfterMs !== undefined) this.retryAfterMs = retryAfterMs;
  }

  /**
   * Also of another copy of this package: a process may hold it as an ES module and as CommonJS.
   */
  static [Symbol.hasInstance](value) {
    const name = typeof value === 'object' && value !== null ? value[BRAND] : undefined;
    return name !== undefined && (this.prototype[BRAND] === 'CasehugClioError' || this.prototype[BRAND] === name);
  }
}

export class AuthError extends CasehugClioError {}
export class RateLimitError extends CasehugClioError {}
export class NetworkError extends CasehugClioError {}
export class PermissionError extends CasehugClioError {}
export class PlanError extends CasehugClioError {}
export class InputError extends CasehugClioError {}
export class ClioError extends CasehugClioError {}
export class HostError extends CasehugClioError {}
export class InternalError extends CasehugClioError {}

const NAMED = { CasehugClioError, AuthError, RateLimitError, NetworkError, PermissionError, PlanError, InputError, ClioError, HostError, InternalError };
for (const [name, Kind] of Object.entries(NAMED)) {
  // As written here, whatever a bundler calls the class.
  Object.defineProperty(Kind.prototype, 'name', { value: name, configurable: true, writable: true });
  Object.defineProperty(Kind.prototype, BRAND, { value: name });
}

const BY_KIND = new Map([
  ['auth', AuthError],
  ['rate_limit', RateLimitError],
  ['network', NetworkError],
  ['permission', PermissionError],
  ['plan', PlanError],
  ['input', InputError],
  ['clio', ClioError],
  ['host', HostError],
  ['internal', InternalError],
]);

/** The error that the module described, of the class of its kind. */
export function failure(json) {
  const Kind = BY_KIND.get(JSON.parse(json).kind) ?? CasehugClioError;
  return new Kind(json);
}

/** What `docs/errors.md` says of a module that cannot be loaded: known before there is one. */
export const LOAD_FAILED = Object.freeze({
  code: 'load_failed',
  number: 7013,
  kind: 'host',
  retry: 'never',
  message:
    "The SDK's compiled part cannot be used here (reason wasm_missing: its file is not beside the package, as after bundling; wasm_invalid: it is not of this version; browser: secrets do not belong into a page).",
});

/** A failure to load the module; `reason` is `wasm_missing`, `wasm_invalid` or `browser`. */
export function loadFailure(reason) {
  return failure(JSON.stringify({ ...LOAD_FAILED, context: { reason } }));
}

/**
 * What a transport throws when there is no complete answer. `sent` is `'no'` only if no byte of the
 * request was written.
 */
export class HttpFailure extends Error {
  constructor(kind, sent) {
    super(kind);
    this.name = 'HttpFailure';
    this.kind = kind;
    this.sent = sent;
  }
}

/**
 * What an intake source throws: `code` is one of the port's, `retry` `'never'` if it will stay so.
 */
export class IntakeError extends Error {
  constructor(code, retry) {
    super(code);
    this.name = 'IntakeError';
    this.code = code;
    if (retry !== undefined) this.retry = retry;
  }
}
