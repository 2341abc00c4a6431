package access

import (
	"context"
	"fmt"

	"postern/shared/queue"
	"postern/shared/store"
)

// SweepOutbox is the scheduled sweep that sends again what stands in the outbox undone: because the queue was not told, lost
// it, or because its time to be tried again has come. Sending an item that is being done does no harm.
func (s *Service) SweepOutbox(ctx context.Context) error {
	return s.sweep(ctx, store.Outbox, func(item store.Item) error {
		// Only its kind is read: what else it holds may be sealed, and the sweep has no keys.
		kind, _ := item.Fields[outboxKindField].(store.Text)
		o := &outboxItem{AccountID: item.Partition, ID: item.Sort, Kind: outboxKind(kind)}
		if err := s.queue.Send(ctx, o.queue(), queue.Message{AccountID: o.AccountID, ID: o.ID}); err != nil {
			return fmt.Errorf("send to queue: %w", err)
		}
		return nil
	})
}
