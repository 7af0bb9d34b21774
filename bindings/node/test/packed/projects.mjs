// Clean projects, into which the tarball is installed as a user would.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const tarball = process.env.CASEHUG_CLIO_TARBALL;
export const programs = process.env.CASEHUG_CLIO_PROGRAMS;
export const root = join(dirname(fileURLToPath(import.meta.url)), '../../../..');
/** Tools of the package's lock file, which a clean project must not see. */
export const tools = join(root, 'bindings/node/node_modules');

/** Runs a program; what it wrote, or an error with that. */
export function run(program, args, options = {}) {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], ...options });
  } catch (error) {
    throw new Error(`${program} ${args.join(' ')}: ${error.message}\n${error.stdout}\n${error.stderr}`);
  }
}

/**
 * A project with these files and the tarball, without the network: the package depends on nothing.
 */
export function project(t, files, more = {}) {
  return made(t, files, more, 'npm', ['install', '--offline', '--no-audit', '--no-fund', '--no-save', tarball]);
}

/** The same, as a user of Bun installs it. */
export function installedByBun(t, files) {
  return made(t, files, {}, join(tools, '.bin/bun'), ['add', '--no-summary', tarball]);
}

function made(t, files, more, installer, args) {
  const folder = mkdtempSync(join(tmpdir(), 'casehug-clio-project-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const manifest = { name: 'project', private: true, ...more };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  run(installer, args, { cwd: folder });
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

/** Makes packages of the lock file visible in a project: types of Node, drivers of databases. */
export function lend(folder, ...packages) {
  for (const name of packages) {
    const at = join(folder, 'node_modules', name);
    mkdirSync(dirname(at), { recursive: true });
    symlinkSync(join(tools, name), at);
  }
}
