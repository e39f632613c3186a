/** Passwords and keys of one stack: made once, readable by nobody else. */
import { randomBytes } from 'node:crypto';
import { chmodSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

export type Secrets = { get(name: string, bytes?: number): string };

/** Hexadecimal secrets by name, kept in a file of mode 0600; without a path they are only remembered. */
export function openSecrets(path: string | undefined): Secrets {
  const kept = path === undefined ? {} : readSecrets(path);
  return {
    get(name, bytes = 32) {
      const known = kept[name];
      if (known !== undefined) return known;
      const made = randomBytes(bytes).toString('hex');
      kept[name] = made;
      if (path !== undefined) writeSecrets(path, kept);
      return made;
    },
  };
}

/** Writes a file that only its owner can read, whole or not at all. */
export function writePrivate(path: string, text: string): void {
  writeFileSync(`${path}.part`, text, { mode: 0o600 });
  chmodSync(`${path}.part`, 0o600);
  renameSync(`${path}.part`, path);
}

function readSecrets(path: string): Record<string, string> {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Record<string, string>;
  } catch {
    return {};
  }
}

function writeSecrets(path: string, secrets: Record<string, string>): void {
  writePrivate(path, `${JSON.stringify(secrets, null, 2)}\n`);
}
