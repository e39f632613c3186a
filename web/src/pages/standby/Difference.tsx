import type { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { errorSentence } from '../../api/errors.ts';
import { useApi } from '../../app/api_context.ts';
import { useLoad } from '../../app/use_load.ts';
import { seatClassLabel } from '../../i18n/labels.ts';
import { useSpeech } from '../../i18n/LanguageProvider.tsx';
import { adviceOf } from '../change/advice.ts';
import { dueOf, dueWords } from '../change/figures.ts';
import type { WishDraft } from './basket.ts';
import type { UpgradeOf } from './standby_path.ts';

/** What a change to a class would cost if it could be had now, or why the tickets can't be changed to it. */
export function Difference({ wish, seat_class, of }: { wish: WishDraft; seat_class: SeatClass; of: UpgradeOf }) {
  const { text, language } = useSpeech();
  const { change } = useApi();
  const asked = { orderId: of.order_id, itemIds: of.item_ids, runId: wish.run_id, fromStationId: wish.from_station_id, toStationId: wish.to_station_id, seatClass: seat_class };
  const { value: quote, error } = useLoad(`difference ${JSON.stringify(asked)}`, async (signal) => (await change.quoteChange(asked, { signal })).quote);
  // What may pass is no news about this class; the request itself is refused for what stays.
  if (quote === undefined && error?.kind !== 'refused') return null;
  const rule = error === undefined ? undefined : adviceOf(error, false).rule;
  return (
    <li data-testid="upgrade-difference" data-class={seat_class}>
      {text.upgrade.difference_now(seatClassLabel(seat_class, text))} <b>{quote === undefined ? (rule === undefined ? errorSentence(error!, language) : text.change.advice.rules[rule]) : dueWords(dueOf(quote), text)}</b>
    </li>
  );
}
