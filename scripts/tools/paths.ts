/** Where things are inside the checkout. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url)).replace(/\/$/, '');
export const TOOLS = join(ROOT, '.tools');
export const RUN = join(ROOT, '.run');
export const NODE_BIN = join(ROOT, 'node_modules', '.bin');
