package dynamo

import (
	"context"

	"unsend/shared/chat"
)

// PutRevoked stores messages as they are after their revocation, many in a request: a test of a long history cannot
// send and revoke each.
func (s *Store) PutRevoked(ctx context.Context, messages []chat.Message) error {
	var batch batchWrite
	for _, m := range messages {
		row, err := encodeMessage(m)
		if err != nil {
			return err
		}
		update, err := updateKey(m.MessageKey, m.UpdatedAt)
		if err != nil {
			return err
		}
		row[attrUPK], row[attrUSK] = text(update.pk), text(update.sk)
		batch.put(row)
	}
	return batch.run(ctx, s, "PutRevoked", s.tables.Messages)
}
