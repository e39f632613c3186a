import { useState } from 'react';
import type { OrderItem } from '#gen/rail/order/v1/order_pb.ts';
import { TicketState } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import type { Ticket } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import { Arrow } from '../../components/Arrow.tsx';
import { Dialog } from '../../components/Dialog.tsx';
import { clockTime, dateAndTime, dayOf, fullDate, price } from '../../i18n/format.ts';
import { passengerTypeLabel, seatClassLabel, seatLabel, ticketStateKey } from '../../i18n/labels.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import '../../styles/ticket.css';
import { QrCode } from './QrCode.tsx';
import { SeatParts } from './SeatParts.tsx';

/** An e-ticket as the paper ones were: number in red, stations large, the train between them. */
export function TicketCard({ ticket, item, stops }: { ticket: Ticket; item: OrderItem | undefined; stops: ReadonlyMap<number, string> }) {
  const text = useText();
  const [enlarged, setEnlarged] = useState(false);
  const { journey, seat } = ticket;
  const state = ticketStateKey(ticket.state);
  const parts = ticket.seatParts;
  // The ticket says what was known when it was issued; its order knows what the railway has changed since.
  const current = item?.ticketId === ticket.ticketId;
  const now = current ? item.journey : undefined;
  const departure = now?.departureTime ?? journey?.departureTime;
  const was = now === undefined ? undefined : item?.journeyChange?.orderedDepartureTime;
  const valid = ticket.state === TicketState.VALID;
  return (
    <article className="ticket" data-state={state} data-testid="ticket" aria-label={`${text.ticket.number} ${ticket.ticketId}`}>
      <div className="ticket__paper">
        <p className="ticket__top">
          <span className="ticket__number">{ticket.ticketId}</span>
          <span className="ticket__state">{text.ticket[state]}</span>
        </p>
        <div className="ticket__way">
          <p className="ticket__station">{journey?.fromStationName}</p>
          <p className="ticket__train">
            {journey?.trainNo}
            <Arrow />
          </p>
          <p className="ticket__station">{journey?.toStationName}</p>
        </div>
        <div className="ticket__rows">
          <div className="ticket__facts">
            <p>
              {departure !== undefined && fullDate(dayOf(departure), text)} <b>{text.ticket.depart(clockTime(departure))}</b> {was !== undefined && <del aria-label={text.order.change.was(dateAndTime(was))}>{clockTime(was)}</del>}
            </p>
            <div className="ticket__seat" data-testid="ticket-seat">
              {parts.length > 1 ? <SeatParts parts={parts} stops={stops} /> : <b>{seatLabel(seat, text)}</b>} {seat !== undefined && seatClassLabel(seat.seatClass, text)}
            </div>
            <p>
              {current && <b>{price(item.fare)}</b>} {passengerTypeLabel(ticket.passengerType, text)}
            </p>
            <p className="ticket__fine">{text.ticket.train_only}</p>
            <p className="ticket__person" data-testid="ticket-person">
              <span>{ticket.idNumberMasked}</span> <b>{ticket.passengerNameMasked}</b>
            </p>
          </div>
          {valid && ticket.qrToken !== '' && (
            <button type="button" className="ticket__qr" onClick={() => setEnlarged(true)} aria-label={text.ticket.enlarge}>
              <QrCode content={ticket.qrToken} label={text.ticket.qr(ticket.ticketId)} />
            </button>
          )}
        </div>
        <p className="ticket__foot">{valid ? text.ticket.gate_hint : text.ticket[state]}</p>
      </div>
      {enlarged && (
        <Dialog title={`${journey?.trainNo ?? ''} ${parts.length > 1 ? parts.map((part) => seatLabel(part.seat, text)).join(' → ') : seatLabel(seat, text)}`} onClose={() => setEnlarged(false)}>
          <div className="ticket__large">
            <QrCode content={ticket.qrToken} label={text.ticket.qr(ticket.ticketId)} />
          </div>
          <div className="dialog__actions">
            <button type="button" className="button" onClick={() => setEnlarged(false)}>
              {text.common.close}
            </button>
          </div>
        </Dialog>
      )}
    </article>
  );
}
