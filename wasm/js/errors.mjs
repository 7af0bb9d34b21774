// What the SDK throws. No message holds client data or a secret.

/** A failure of the SDK: `code`, `number`, `kind`, `retry`, `context` and `path` are those of every language. */
export class CasehugClioError extends Error {
  constructor(json) {
    const { message, retry_after_ms: retryAfterMs, ...fields } = JSON.parse(json);
    super(message);
    this.name = 'CasehugClioError';
    Object.assign(this, fields);
    if (retryAfterMs !== undefined) this.retryAfterMs = retryAfterMs;
  }
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
