import { goProgram } from './go.ts';
import { NATS_SERVER_VERSION } from './versions.ts';

export const nats = goProgram({
  name: 'nats',
  binary: 'nats-server',
  module_package: 'github.com/nats-io/nats-server/v2',
  version: NATS_SERVER_VERSION,
  version_flag: '--version',
});
