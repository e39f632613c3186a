import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { Channel } from '#gen/rail/type/v1/journey_pb.ts';
import { Told } from '../say.ts';
import { OPERATOR_LOGIN } from '../stack/environment.ts';
import { readStatus, stackFolder } from '../stack/folder.ts';
import { openSecrets, writePrivate } from '../stack/secrets.ts';
import { openApi, type Api } from '../traveller/api.ts';
import { patiently } from '../traveller/patience.ts';

export type Where = { name: string; page?: string | undefined };

type Kept = { page: string; token: string; until_ms: number };

/** A token that is good for less than this is not used any more. */
const SPARE_MS = 30_000;

/**
 * As operator of a running stack of this machine, or of any other by its page and the environment. The access token is kept
 * beside the stack's own secrets: who logs in for each command is soon asked for a captcha.
 */
export async function logInOperator({ name, page }: Where): Promise<Api> {
  const login = process.env['CHUNYUN_OPERATOR_LOGIN'] ?? OPERATOR_LOGIN;
  if (page !== undefined) return entered(openApi(page), login, process.env['CHUNYUN_OPERATOR_PASSWORD']);
  const running = readStatus(name);
  if (running?.state !== 'ready') throw new Told(`No stack "${name}" runs. Start one: npm start`, `"${name}" 未运行。请先启动：npm start`);
  const api = openApi(running.page);
  const folder = stackFolder(name);
  const kept_path = join(folder.path, 'operator.json');
  const kept = readKept(kept_path);
  if (kept?.page === running.page && kept.until_ms > Date.now() + SPARE_MS) {
    api.access_token = kept.token;
    return api;
  }
  const until_ms = { value: 0 };
  await entered(api, login, openSecrets(folder.secrets).get('operator_password'), until_ms);
  writePrivate(kept_path, JSON.stringify({ page: running.page, token: api.access_token, until_ms: until_ms.value } satisfies Kept));
  return api;
}

async function entered(api: Api, login: string, password: string | undefined, until_ms = { value: 0 }): Promise<Api> {
  if (password === undefined) throw new Told('CHUNYUN_OPERATOR_PASSWORD is not set', '未设置 CHUNYUN_OPERATOR_PASSWORD');
  const { tokens } = await patiently(() => api.identity.logIn({ loginName: login, password, deviceId: api.device_id, channel: Channel.WEB }));
  api.access_token = tokens!.accessToken;
  until_ms.value = tokens!.accessExpireTime === undefined ? 0 : timestampMs(tokens!.accessExpireTime);
  return api;
}

function readKept(path: string): Kept | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Kept;
  } catch {
    return undefined;
  }
}
