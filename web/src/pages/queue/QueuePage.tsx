import { useEffect, useRef, useState } from 'react';
import { Link, useNavigate } from 'react-router';
import { QueueState } from '#gen/rail/order/v1/order_pb.ts';
import type { QueueStatus } from '#gen/rail/order/v1/order_pb.ts';
import { errorSpec, isErrorReason } from '#kit/base/errors.ts';
import { useApi } from '../../app/api_context.ts';
import { useAction } from '../../app/use_action.ts';
import { useWatch } from '../../app/use_watch.ts';
import type { Watched } from '../../app/use_watch.ts';
import { ConfirmDialog } from '../../components/Dialog.tsx';
import { Empty } from '../../components/Empty.tsx';
import { ErrorNotice } from '../../components/ErrorNotice.tsx';
import { JourneyHead } from '../../components/JourneyHead.tsx';
import { useSpeech, useText } from '../../i18n/LanguageProvider.tsx';
import '../../styles/queue.css';
import { dropQueuePass, readQueuePass, saveQueuePass } from './queue_pass.ts';
import type { QueuePass } from './queue_pass.ts';
import { standbyPathFromBooking } from '../standby/standby_path.ts';
import { QueueSlip } from './QueueSlip.tsx';

export default function QueuePage() {
  const text = useText();
  const [pass] = useState(() => readQueuePass(PASSES));
  return (
    <div className="page page--narrow waiting">
      <title>{`${text.queue.title} · ${text.brand.name}`}</title>
      <h1>{text.queue.title}</h1>
      {pass === undefined ? (
        <Empty title={text.queue.none} hint={text.queue.none_hint}>
          <Link className="button button--primary" to="/">
            {text.nav.book}
          </Link>
        </Empty>
      ) : (
        <Waiting pass={pass} />
      )}
    </div>
  );
}

const PASSES = { tab: sessionStorage, browser: localStorage };

function Waiting({ pass }: { pass: QueuePass }) {
  const text = useText();
  const navigate = useNavigate();
  const { value, error, live } = useQueue(pass);
  const over = value?.state === QueueState.FAILED || value?.state === QueueState.LEFT;
  useEffect(() => {
    if (value?.state !== QueueState.ORDERED) return;
    dropQueuePass(PASSES, pass);
    void navigate(`/orders/${value.orderId}/pay`, { replace: true });
  }, [value, pass, navigate]);
  useEffect(() => {
    // Nothing was left, and what the traveller agreed to waits instead.
    if (value === undefined || value.standbyId === '') return;
    dropQueuePass(PASSES, pass);
    void navigate(`/standbys/${value.standbyId}`, { replace: true });
  }, [value, pass, navigate]);
  useEffect(() => {
    // Expired, or another account's: asking again will not help.
    if (over || error?.kind === 'refused' || error?.kind === 'not_found') dropQueuePass(PASSES, pass);
  }, [over, error, pass]);
  return (
    <>
      {pass.journey !== undefined && <JourneyHead journey={pass.journey} />}
      <ErrorNotice error={error}>
        <Link to={pass.back}>{text.queue.again}</Link>
      </ErrorNotice>
      {over ? <Over status={value} back={pass.back} /> : error === undefined && <QueueSlip status={value} pass={pass} live={live} />}
      {!over && error === undefined && <Leave pass={pass} status={value} />}
    </>
  );
}

/** Follows the entry with the newest token, which each answer renews and this tab keeps. */
function useQueue(pass: QueuePass): Watched<QueueStatus> {
  const { order } = useApi();
  const token = useRef(pass.token);
  const keep = (status: QueueStatus | undefined): QueueStatus => {
    if (status === undefined) throw new Error('an answer without status');
    if (status.queueToken !== '' && status.queueToken !== token.current) {
      token.current = status.queueToken;
      if (status.state === QueueState.WAITING || status.state === QueueState.PROCESSING) saveQueuePass(PASSES, { ...pass, token: status.queueToken });
    }
    return status;
  };
  return useWatch('queue', {
    async *open(signal) {
      for await (const { status } of order.watchQueue({ queueToken: token.current }, { signal, timeoutMs: 0 })) yield keep(status);
    },
    poll: async (signal) => keep((await order.getQueueStatus({ queueToken: token.current }, { signal })).status),
    isFinal: ({ state }) => state === QueueState.ORDERED || state === QueueState.FAILED || state === QueueState.LEFT,
  });
}

/** How it ended: one may wait for seats that are given back, or look for something else. */
function Over({ status, back }: { status: QueueStatus; back: string }) {
  const { text, language } = useSpeech();
  const failed = status.state === QueueState.FAILED;
  const standby = status.standbyOffered ? standbyPathFromBooking(back) : undefined;
  const spec = isErrorReason(status.reason) ? errorSpec(status.reason) : undefined;
  return (
    <div role="status" data-testid="queue-over" data-reason={status.reason}>
      <Empty title={failed ? text.queue.failed : text.queue.left} hint={failed && spec !== undefined ? (language === 'zh' ? spec.message_zh : spec.message_en) : undefined}>
        {standby !== undefined && (
          <Link className="button button--primary" to={standby} replace data-testid="join-standby">
            {text.standby.join}
          </Link>
        )}
        <Link className={standby === undefined ? 'button button--primary' : 'button'} to={back} replace>
          {text.queue.again}
        </Link>
      </Empty>
      <NoStandby reason={status.standbyReason} />
    </div>
  );
}

/** Why what the traveller agreed to, to wait in the standby list, did not come about. */
function NoStandby({ reason }: { reason: string }) {
  const { text, language } = useSpeech();
  if (!isErrorReason(reason)) return null;
  const { message_zh, message_en } = errorSpec(reason);
  return (
    <p className="notice" data-testid="no-standby">
      {text.queue.no_standby(language === 'zh' ? message_zh : message_en)}
    </p>
  );
}

function Leave({ pass, status }: { pass: QueuePass; status: QueueStatus | undefined }) {
  const text = useText();
  const { order } = useApi();
  const navigate = useNavigate();
  const [asking, setAsking] = useState(false);
  const leave = useAction(async (requestId, queueToken: string) => {
    const answer = await order.leaveQueue({ requestId, queueToken });
    // Too late to leave: an order exists, and the watch leads to it.
    if (answer.status?.state === QueueState.ORDERED) return;
    dropQueuePass(PASSES, pass);
    await navigate(pass.back, { replace: true });
  });
  return (
    <div className="waiting__leave">
      <ErrorNotice error={leave.error} />
      <button type="button" className="button" onClick={() => setAsking(true)} data-testid="leave-queue">
        {text.queue.leave}
      </button>
      {asking && (
        <ConfirmDialog title={text.queue.leave} body={text.queue.leave_confirm} confirm={text.queue.leave} keep={text.queue.stay} busy={leave.busy} onClose={() => setAsking(false)} onConfirm={() => void leave.run(status?.queueToken ?? pass.token).finally(() => setAsking(false))} />
      )}
    </div>
  );
}
