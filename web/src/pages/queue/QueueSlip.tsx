import { useEffect, useState } from 'react';
import { Link } from 'react-router';
import { PriorityReason, QueueState } from '#gen/rail/order/v1/order_pb.ts';
import type { QueuePriority, QueueStatus } from '#gen/rail/order/v1/order_pb.ts';
import type { Journey } from '#gen/rail/type/v1/journey_pb.ts';
import { clockTime, dayOf, waitEstimate } from '../../i18n/format.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { wishToSearch } from '../search/journey_wish.ts';
import type { QueuePass } from './queue_pass.ts';
import { QueueTrack } from './QueueTrack.tsx';

/** The slip one holds in the hand: the number ahead, the wait, and how far one has come. */
export function QueueSlip({ status, pass, live }: { status: QueueStatus | undefined; pass: QueuePass; live: boolean | undefined }) {
  const text = useText();
  const processing = status?.state === QueueState.PROCESSING;
  const ahead = status?.ahead ?? pass.first_ahead;
  const estimate = status === undefined ? '' : waitEstimate(status.estimateMs, text);
  return (
    <section className="slip" aria-label={text.queue.pass} data-testid="queue" data-ahead={ahead}>
      <div className="slip__number">
        {processing || ahead === 0 ? (
          <p className="slip__turn">{processing ? text.queue.processing : text.queue.next}</p>
        ) : (
          <>
            <p className="slip__label">{text.queue.position}</p>
            <p className="slip__ahead">
              <span data-testid="ahead">{ahead.toLocaleString('en')}</span>
              <small>{text.queue.people}</small>
            </p>
          </>
        )}
        <p className="slip__estimate">{processing ? '' : estimate}</p>
      </div>
      <QueueTrack first_ahead={pass.first_ahead} ahead={processing ? 0 : ahead} />
      {status !== undefined && status.queueLength > 0 && <p className="slip__total">{text.queue.total(status.queueLength)}</p>}
      {status !== undefined && status.priorities.length > 0 && <Priorities status={status} />}
      {status?.hopeless === true && (
        <div className="notice notice--gold" role="status" data-testid="hopeless">
          <div className="notice__body">
            <strong>{text.queue.hopeless_title}</strong>
            <p>{text.queue.hopeless}</p>
            {pass.journey !== undefined && (
              <Link className="button button--small" to={`/trains?${sameTrip(pass.journey)}`} data-testid="other-trains">
                {text.queue.hopeless_other}
              </Link>
            )}
          </div>
        </div>
      )}
      <footer className="slip__foot">
        <p className="slip__calm">{text.queue.calm}</p>
        <p>
          {text.queue.since(clockTime(pass.submit_ms))}
          {live !== undefined && <span className={live ? 'slip__live live-dot' : 'slip__live'}>{live ? text.common.live : text.common.polling}</span>}
        </p>
      </footer>
      <Announcer words={processing ? text.queue.processing : ahead === 0 ? text.queue.next : text.queue.announce(ahead, estimate)} />
    </section>
  );
}

/** The trains of that day between the same stations. */
function sameTrip({ fromStationId, fromStationName, toStationId, toStationName, departureTime, serviceDate }: Journey): string {
  const date = departureTime === undefined ? serviceDate : dayOf(departureTime);
  return wishToSearch({ from: { station_id: fromStationId, name: fromStationName }, to: { station_id: toStationId, name: toStationName }, date, only_high_speed: false, student: false });
}

/** Who goes first in every queue, and why this one stands where it does. */
function Priorities({ status }: { status: QueueStatus }) {
  const text = useText();
  const wordsOf = ({ reason, memberLevelFrom }: Pick<QueuePriority, 'reason' | 'memberLevelFrom'>): string => {
    if (reason === PriorityReason.ACCOMPANIED_NEED) return text.queue.priority_need;
    return reason === PriorityReason.MEMBER ? text.queue.priority_member(memberLevelFrom) : text.queue.priority_everybody;
  };
  const own = status.priorities.find(({ priority }) => priority === status.priority);
  return (
    <details className="slip__priorities" data-testid="priorities">
      <summary>{own === undefined ? text.queue.priorities : text.queue.priority_own(wordsOf(own))}</summary>
      <p>{text.queue.priorities_rule}</p>
      <ol>
        {status.priorities.map((one) => (
          <li key={one.priority} aria-current={one.priority === status.priority}>
            {wordsOf(one)}
          </li>
        ))}
      </ol>
    </details>
  );
}

/** Tells readers of the screen the position, but not each single step of a queue that moves quickly. */
function Announcer({ words }: { words: string }) {
  const [told, setTold] = useState('');
  useEffect(() => {
    const timer = setTimeout(() => setTold(words), told === '' ? 0 : ANNOUNCE_MS);
    return () => clearTimeout(timer);
    // Words that change before the time is up replace the ones waiting.
  }, [words, told]);
  return (
    <p className="visually-hidden" role="status">
      {told}
    </p>
  );
}

const ANNOUNCE_MS = 5_000;
