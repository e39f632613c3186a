import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export const EDGE_CONFIG_PATH = new URL('./edge.yaml', import.meta.url).pathname;

/** Names that `edge.yaml` leaves open; addresses are `<NAME>_HOST` and `<NAME>_PORT`. */
export type EdgeValues = Record<string, string | number>;

/** Where the certificate lies that the edge shows, and its key: both PEM, in one folder. */
export type CertificateFiles = { certificate_path: string; key_path: string };

/** What edge.yaml calls the certificate that another file gives it. */
export const CERTIFICATE_NAME = 'edge';

const OPEN = /"?\$\{([A-Z0-9_]+)\}"?/g;

/** The names that a template leaves open. */
export function namesIn(template: string): Set<string> {
  return new Set([...template.matchAll(OPEN)].map(([, name]) => name!));
}

/**
 * The edge's configuration for one place. A number that stands alone becomes a number. Throws when a name is left open
 * or a value is given that the file does not know: a half-filled edge must not start.
 */
export function renderEdge(values: EdgeValues, template: string = readFileSync(EDGE_CONFIG_PATH, 'utf8')): string {
  const unused = new Set(Object.keys(values));
  const missing = new Set<string>();
  const text = template.replaceAll(OPEN, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) {
      missing.add(name);
      return whole;
    }
    unused.delete(name);
    const quoted = whole.startsWith('"') && whole.endsWith('"') && typeof value === 'string';
    return quoted ? JSON.stringify(value) : String(value);
  });
  if (missing.size > 0) throw new Error(`the edge needs a value for ${[...missing].join(', ')}`);
  if (unused.size > 0) throw new Error(`the edge knows nothing of ${[...unused].join(', ')}`);
  return text;
}

/**
 * Writes the edge's configuration, and `certificate.json` beside it, from which Envoy has its certificate: by that way
 * (SDS from a file) it reads a renewed one as soon as it is moved into its folder, as Kubernetes does it, without a restart.
 */
export function writeEdge(path: string, values: EdgeValues, certificate: CertificateFiles, template?: string): void {
  const certificate_config = join(dirname(path), 'certificate.json');
  writeFileSync(certificate_config, JSON.stringify({ resources: [certificateSecret(certificate)] }));
  writeFileSync(path, renderEdge({ ...values, CERTIFICATE_CONFIG: certificate_config }, template));
}

function certificateSecret({ certificate_path, key_path }: CertificateFiles): object {
  return {
    '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
    name: CERTIFICATE_NAME,
    tls_certificate: { certificate_chain: { filename: certificate_path }, private_key: { filename: key_path }, watched_directory: { path: dirname(certificate_path) } },
  };
}
