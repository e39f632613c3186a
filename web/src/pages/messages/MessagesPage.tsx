import { useState } from 'react';
import { Link } from 'react-router';
import type { Message } from '#gen/rail/notification/v1/notification_pb.ts';
import { useApi } from '../../app/api_context.ts';
import { useUnread } from '../../app/unread.tsx';
import { useAction } from '../../app/use_action.ts';
import { usePages } from '../../app/use_pages.ts';
import { Empty } from '../../components/Empty.tsx';
import { ErrorNotice } from '../../components/ErrorNotice.tsx';
import { Skeleton } from '../../components/Skeleton.tsx';
import { dateAndTime } from '../../i18n/format.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import '../../styles/messages.css';

export default function MessagesPage() {
  const text = useText();
  const { notification } = useApi();
  const unread = useUnread();
  const [read, setRead] = useState<ReadonlySet<string>>(new Set());
  const pages = usePages('messages', async (pageToken, signal) => {
    const answer = await notification.listMessages({ pageSize: 20, pageToken }, { signal });
    unread.setCount(answer.unreadCount);
    return { items: answer.messages, next: answer.nextPageToken };
  });
  const mark = useAction(async (_request_id, messageIds: string[]) => {
    const { unreadCount } = await notification.markMessagesRead({ messageIds });
    setRead(new Set([...read, ...(messageIds.length === 0 ? (pages.items ?? []).map(({ messageId }) => messageId) : messageIds)]));
    unread.setCount(unreadCount);
  });
  return (
    <div className="page page--narrow">
      <title>{`${text.messages.title} · ${text.brand.name}`}</title>
      <div className="page__head">
        <h1>{text.messages.title}</h1>
        {unread.count > 0 && (
          <button type="button" className="button button--small" disabled={mark.busy} onClick={() => void mark.run([])} data-testid="mark-all-read">
            {text.messages.mark_all}
          </button>
        )}
      </div>
      <ErrorNotice error={pages.error ?? mark.error} onRetry={pages.reload} />
      {pages.loading && pages.items === undefined && <Skeleton rows={4} />}
      {pages.items?.length === 0 && <Empty title={text.messages.empty} hint={text.messages.empty_hint} />}
      <ol className="messages">
        {pages.items?.map((message) => (
          <MessageLine key={message.messageId} message={message} unread={!message.read && !read.has(message.messageId)} onRead={() => void mark.run([message.messageId])} />
        ))}
      </ol>
      {pages.more !== undefined && (
        <button type="button" className="button" onClick={pages.more}>
          {text.common.more}
        </button>
      )}
    </div>
  );
}

function MessageLine({ message, unread, onRead }: { message: Message; unread: boolean; onRead: () => void }) {
  const text = useText();
  return (
    <li className="message" data-testid="message" data-unread={unread}>
      <p className="message__title">
        {unread && <span className="message__dot"><span className="visually-hidden">{text.messages.unread}</span></span>}
        {message.title}
      </p>
      <time className="message__time">{message.createTime === undefined ? '' : dateAndTime(message.createTime)}</time>
      <p className="message__body">{message.body}</p>
      {message.orderId !== '' && (
        <Link to={`/orders/${message.orderId}`} onClick={() => unread && onRead()}>
          {text.messages.open_order}
        </Link>
      )}
    </li>
  );
}
