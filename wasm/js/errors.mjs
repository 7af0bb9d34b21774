// What the SDK throws. No message holds client data or a secret.

/** A failure of the SDK: `code`, `number`, `kind`, `retry`, `context` and `path` are those of every language. */
export class CasehugClioError extends Error {
  constructor(json) {
    const { message, retry_after_ms: retryAfterMs, ...fields } = JSON.parse(json);
    super(message);
    this.name = new.target.name;
    Object.assign(this, fields);
    if (retryAfterMs !== undefined) this.retryAfterMs = retryAfterMs;
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

/** What a transport throws when there is no complete answer. `sent` is `'no'` only if no byte of the request was written. */
export class HttpFailure extends Error {
  constructor(kind, sent) {
    super(kind);
    this.name = 'HttpFailure';
    this.kind = kind;
    this.sent = sent;
  }
}

/** What an intake source throws: `code` is one of the port's. */
export class IntakeError extends Error {
  constructor(code) {
    super(code);
    this.name = 'IntakeError';
    this.code = code;
  }
}
