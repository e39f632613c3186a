/** A verdict in words for people and in a code for programs. */
import type { OfflineVerdict, Refused } from '../../services/ticketing/domain/verify_offline.ts';
import { words } from '../say.ts';

/** 0: let through. 1: do not. 2: nothing was judged. 3: genuine, but perhaps refunded or changed meanwhile: ask online. */
export const EXIT = { admit: 0, refuse: 1, usage: 2, unsure: 3 } as const;

export function codeOf(verdict: OfflineVerdict): number {
  if (!verdict.valid) return EXIT.refuse;
  return verdict.currency === 'CURRENT' ? EXIT.admit : EXIT.unsure;
}

/** Of several tickets the worst counts. */
export function worstOf(codes: readonly number[]): number {
  return [EXIT.refuse, EXIT.unsure].find((code) => codes.includes(code)) ?? EXIT.admit;
}

export function verdictText(verdict: OfflineVerdict): string {
  if (!verdict.valid) return `${words('NOT VALID', '无效')}  ${REFUSED[verdict.reason]()}`;
  const { facts, currency, current_as_of_ms, holder } = verdict;
  const as_of = current_as_of_ms === undefined ? '' : new Date(current_as_of_ms).toISOString();
  const current = {
    CURRENT: words(`not revoked as of ${as_of}`, `截至 ${as_of} 未被撤销`),
    STALE: words(`the revocations of ${as_of} are too old: ask online`, `撤销名单（${as_of}）已过期，请联网核验`),
    UNKNOWN: words('no revocations of this run at hand: ask online', '没有该车次的撤销名单，请联网核验'),
  }[currency];
  const person = holder === 'MATCHES' ? words('document matches', '证件相符') : words('document not checked', '未核对证件');
  const head = currency === 'CURRENT' ? words('VALID', '有效') : words('GENUINE, NOT PROVEN CURRENT', '真票，但未确认是否仍有效');
  return [`${head}  ${words('ticket', '票号')} ${facts.ticket_id}`, facts.run_id, ...seatTexts(facts.ride), person, current].join(words('; ', '；'));
}

export function verdictJson(verdict: OfflineVerdict): string {
  const { facts } = verdict;
  const ticket = facts && { ticket_id: String(facts.ticket_id), version: String(facts.version), run_id: facts.run_id, not_after: new Date(facts.not_after_ms).toISOString(), from_index: facts.ride?.from_index, seats: facts.ride?.seats };
  if (!verdict.valid) return JSON.stringify({ valid: false, reason: verdict.reason, ticket });
  const { currency, current_as_of_ms, holder } = verdict;
  return JSON.stringify({ valid: true, currency, current_as_of: current_as_of_ms === undefined ? undefined : new Date(current_as_of_ms).toISOString(), holder, ticket });
}

function seatTexts(ride: { from_index: number; seats: readonly { place: string; to_index: number }[] } | undefined): string[] {
  let from = ride?.from_index;
  return (ride?.seats ?? []).map(({ place, to_index }) => {
    const text = words(`stops ${from}–${to_index}: ${place || 'standing'}`, `第 ${from}–${to_index} 站：${place || '无座'}`);
    from = to_index;
    return text;
  });
}

const REFUSED: Record<Refused, () => string> = {
  MALFORMED: () => words('this is no ticket of ours', '不是本系统的车票'),
  KEY_UNKNOWN: () => words('signed with a key that is not among these: fetch the keys anew, and refuse if it stays so', '签名密钥不在列表中：请更新密钥，仍不在则拒绝'),
  KEY_EXPIRED: () => words('its key does not count now', '签名密钥当前无效'),
  SIGNATURE_INVALID: () => words('the signature is wrong: forged or damaged', '签名错误：伪造或损坏'),
  EXPIRED: () => words('its time is over', '已过有效期'),
  OTHER_RUN: () => words('it is for another train', '不是本次列车的车票'),
  REVOKED: () => words('it was refunded or changed', '已退票或改签'),
  OTHER_HOLDER: () => words('it was sold for another document', '与所示证件不符'),
  HOLDER_UNKNOWN: () => words('it does not say for whom: ask online', '票面不含持票人信息，请联网核验'),
};
