// The SQLite of the runtime behind one face: `node:sqlite` (Node 22.13 and newer, Deno),
// `bun:sqlite`, or the class of better-sqlite3, which a host of Node 20 brings.
//
// Whole numbers come as BigInt from all three: a `number` rounds what is larger, or throws.

/** A function that opens a file with what there is, or `undefined`. */
export async function driverFor(betterSqlite3) {
  if (betterSqlite3 !== undefined) return (path) => better(new betterSqlite3(path, { fileMustExist: true, timeout: 0 }));
  if (process.versions.bun !== undefined) {
    const name = 'bun:sqlite';
    const { Database } = await import(name);
    return (path) => bun(new Database(path, { readwrite: true, create: false, safeIntegers: true, strict: true }));
  }
  const sqlite = process.getBuiltinModule?.('node:sqlite');
  return sqlite === undefined ? undefined : (path) => node(new sqlite.DatabaseSync(path));
}

function node(database) {
  return {
    exec: (sql) => database.exec(sql),
    prepare(sql) {
      const statement = database.prepare(sql);
      statement.setReadBigInts(true);
      return {
        get: (values = {}) => statement.get(values),
        all: (values = {}) => statement.all(values),
        run: (values) => Number(statement.run(values).changes),
      };
    },
    close: () => database.close(),
    // Deno's `exec` gives SQLite's text only.
    number: (error) => (error?.errcode ?? TEXTS[error?.message]) & 0xff,
  };
}

function better(database) {
  return {
    exec: (sql) => database.exec(sql),
    prepare(sql) {
      const statement = database.prepare(sql).safeIntegers(true);
      return {
        get: (values = {}) => statement.get(values),
        all: (values = {}) => statement.all(values),
        run: (values) => Number(statement.run(values).changes),
      };
    },
    close: () => database.close(),
    number: (error) => NUMBERS[/^SQLITE_([A-Z]+)/.exec(error?.code)?.[1]] ?? 1,
  };
}

function bun(database) {
  return {
    exec: (sql) => database.run(sql),
    prepare(sql) {
      const statement = database.prepare(sql);
      return {
        get: (values = {}) => statement.get(values) ?? undefined,
        all: (values = {}) => statement.all(values),
        run: (values) => Number(statement.run(values).changes),
      };
    },
    close: () => database.close(),
    number: (error) => error?.errno & 0xff,
  };
}

/** SQLite's numbers of the errors that are told apart. */
const NUMBERS = { PERM: 3, BUSY: 5, READONLY: 8, IOERR: 10, CORRUPT: 11, FULL: 13, CANTOPEN: 14, NOTADB: 26 };
export const { BUSY } = NUMBERS;

/** SQLite's own texts of those numbers. */
const TEXTS = {
  'access permission denied': 3,
  'database is locked': 5,
  'attempt to write a readonly database': 8,
  'disk I/O error': 10,
  'database disk image is malformed': 11,
  'database or disk is full': 13,
  'unable to open database file': 14,
  'file is not a database': 26,
};

/** The reason for which a file could not be opened. */
export function reasonOf(number) {
  const reasons = { 3: 'permission', 5: 'busy', 8: 'read_only', 13: 'disk_full', 14: 'permission', 26: 'not_a_database' };
  return reasons[number] ?? 'other';
}
