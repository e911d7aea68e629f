package dynamo

import (
	"context"
	"slices"

	"unsend/shared/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// PutConnection stores the account's row of the connection.
func (s *Store) PutConnection(ctx context.Context, c chat.Connection) error {
	const op = "PutConnection"
	row, err := encodeConnection(c)
	if err != nil {
		return failed(op, err)
	}
	return s.written(ctx, op, func(ctx context.Context) error {
		_, err := s.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(s.tables.Sessions), Item: row})
		return failed(op, err)
	})
}

// Connections reads the account's connections that have not ended before now (ms).
func (s *Store) Connections(ctx context.Context, accountID string, now int64) ([]chat.Connection, error) {
	const op = "Connections"
	pk, err := connectionPartition(accountID)
	if err != nil {
		return nil, failed(op, err)
	}
	rows, err := s.all(ctx, op, span{table: s.tables.Sessions, pk: pk}, 0)
	if err != nil {
		return nil, err
	}
	var connections []chat.Connection
	for _, row := range rows {
		c, err := decodeConnection(accountID, row)
		if err != nil {
			return nil, failed(op, err)
		}
		if c.EndsAt() >= now {
			connections = append(connections, c)
		}
	}
	return connections, nil
}

// PutPresences stores connections in the audiences of servers.
func (s *Store) PutPresences(ctx context.Context, rows []chat.Presence) error {
	const op = "PutPresences"
	var batch batchWrite
	for _, presence := range rows {
		row, err := encodePresence(presence)
		if err != nil {
			return failed(op, err)
		}
		batch.put(row)
	}
	return batch.run(ctx, s, op, s.tables.Sessions)
}

// RemoveConnection removes the account's row of the connection and its rows in the crowds.
func (s *Store) RemoveConnection(ctx context.Context, accountID, connectionID string, crowds []chat.Crowd) error {
	const op = "RemoveConnection"
	key, err := connectionKey(accountID, connectionID)
	if err != nil {
		return failed(op, err)
	}
	var batch batchWrite
	batch.delete(key)
	for _, crowd := range crowds {
		key, err := presenceKey(crowd, connectionID)
		if err != nil {
			return failed(op, err)
		}
		batch.delete(key)
	}
	if err := batch.run(ctx, s, op, s.tables.Sessions); err != nil {
		return err
	}
	if !slices.ContainsFunc(crowds, func(crowd chat.Crowd) bool { return crowd.ChannelID != "" }) {
		return nil
	}
	// After its rows, so that what is left when this fails is still found.
	list, err := subscriptionsKey(accountID, connectionID)
	if err != nil {
		return failed(op, err)
	}
	var last batchWrite
	last.delete(list)
	return last.run(ctx, s, op, s.tables.Sessions)
}

// RemovePresences removes connections from one server's audience.
func (s *Store) RemovePresences(ctx context.Context, serverID string, connectionIDs []string) error {
	const op = "RemovePresences"
	var batch batchWrite
	for _, id := range connectionIDs {
		key, err := presenceKey(chat.Crowd{ServerID: serverID}, id)
		if err != nil {
			return failed(op, err)
		}
		batch.delete(key)
	}
	return batch.run(ctx, s, op, s.tables.Sessions)
}

// Audience reads a page of the crowd's connections, in the order of their ids,
// with one query.
func (s *Store) Audience(ctx context.Context, crowd chat.Crowd, cursor string, limit int, now int64) (chat.AudiencePage, error) {
	const op = "Audience"
	pk, err := presencePartition(crowd)
	if err != nil {
		return chat.AudiencePage{}, failed(op, err)
	}
	p := span{table: s.tables.Sessions, pk: pk, limit: limit}
	if cursor != "" {
		p.comparison, p.bound = ">", cursor
	}
	rows, last, err := s.page(ctx, op, p)
	if err != nil {
		return chat.AudiencePage{}, err
	}
	page := chat.AudiencePage{Next: last}
	for _, row := range rows {
		presence, err := decodePresence(crowd, row)
		if err != nil {
			return chat.AudiencePage{}, failed(op, err)
		}
		if presence.Connection.EndsAt() >= now {
			page.Rows = append(page.Rows, presence)
		}
	}
	return page, nil
}

// Presences reads rows of the crowd, a hundred in a request, requests at the same time.
func (s *Store) Presences(ctx context.Context, crowd chat.Crowd, connectionIDs []string, now int64) ([]chat.Presence, error) {
	const op = "Presences"
	keys, err := keysFor(connectionIDs, func(id string) (itemKey, error) { return presenceKey(crowd, id) })
	if err != nil {
		return nil, failed(op, err)
	}
	rows, err := s.batchGet(ctx, op, s.tables.Sessions, keys)
	if err != nil {
		return nil, err
	}
	var presences []chat.Presence
	for _, row := range rows {
		presence, err := decodePresence(crowd, row)
		if err != nil {
			return nil, failed(op, err)
		}
		if presence.Connection.EndsAt() >= now {
			presences = append(presences, presence)
		}
	}
	return presences, nil
}
