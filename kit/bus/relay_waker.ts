// Tells the other processes of a service that something was committed: they may relay its bucket. Only a hint: what is
// lost is found when the relay looks by itself.
import type { Bus } from './bus.ts';

export interface WakerOptions {
  readonly nats: Bus;
  readonly service: string;
  /** This process; its own wake-ups are not for it. */
  readonly sender: string;
  /** At most one wake-up in this time; what comes meanwhile is told at its end. */
  readonly every_ms: number;
  /** Another process committed, or the bus is back after an outage. */
  readonly onWake: () => void;
}

export interface Waker {
  wakeOthers(): void;
  stop(): void;
}

export function openWaker({ nats, service, sender, every_ms, onWake }: WakerOptions): Waker {
  const subject = `${nats.prefix}wake.outbox.${service}`;
  const subscription = nats.connection.subscribe(subject, {
    callback(_error, message) {
      if (message.string() !== sender) onWake();
    },
  });
  const endListening = nats.onReconnect(onWake);
  let sent_at_ms = -Infinity;
  let timer: NodeJS.Timeout | undefined;

  function send(): void {
    timer = undefined;
    sent_at_ms = performance.now();
    if (!nats.connection.isClosed()) nats.connection.publish(subject, sender);
  }
  return {
    wakeOthers() {
      timer ??= setTimeout(send, Math.max(0, sent_at_ms + every_ms - performance.now()));
    },
    stop() {
      clearTimeout(timer);
      timer = undefined;
      subscription.unsubscribe();
      endListening();
    },
  };
}
