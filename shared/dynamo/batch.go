package dynamo

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// What one batch may hold (DynamoDB API Reference).
const (
	maxBatchGet   = 100
	maxBatchWrite = 25
)

// errUnprocessed: the service did a part of a batch only, for want of
// throughput or because the answer would have been too large.
var errUnprocessed = errors.New("a part of the batch was left unprocessed")

// batchGet reads the rows of one table strongly, by their keys. Keys may repeat; rows that do not
// exist are not in the result.
func (s *Store) batchGet(ctx context.Context, op, table string, keys []itemKey) (map[itemKey]item, error) {
	var (
		mu    sync.Mutex
		found = make(map[itemKey]item, len(keys))
		reads []func(context.Context) error
	)
	for chunk := range slices.Chunk(distinct(keys), maxBatchGet) {
		reads = append(reads, func(ctx context.Context) error {
			return s.batchGetChunk(ctx, op, table, chunk, func(row item) {
				mu.Lock()
				defer mu.Unlock()
				found[keyOf(row)] = row
			})
		})
	}
	return found, s.parallel(ctx, reads...)
}

func (s *Store) batchGetChunk(ctx context.Context, op, table string, keys []itemKey, take func(item)) error {
	left := make([]item, len(keys))
	for i, key := range keys {
		left[i] = key.item()
	}
	return s.persist(ctx, op, func(ctx context.Context) error {
		out, err := s.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{table: {Keys: left, ConsistentRead: aws.Bool(true)}},
		})
		if err != nil {
			return failed(op, err)
		}
		for _, row := range out.Responses[table] {
			take(row)
		}
		if left = out.UnprocessedKeys[table].Keys; len(left) > 0 {
			return again{busy(op, errUnprocessed)}
		}
		return nil
	})
}

func distinct(keys []itemKey) []itemKey {
	seen := make(map[itemKey]bool, len(keys))
	return slices.DeleteFunc(slices.Clone(keys), func(key itemKey) bool {
		repeated := seen[key]
		seen[key] = true
		return repeated
	})
}

// batchWrite collects puts and deletes of single rows, one for each key: the
// last. They take effect each by itself.
type batchWrite struct {
	order  []itemKey
	writes map[itemKey]types.WriteRequest
}

func (b *batchWrite) add(key itemKey, request types.WriteRequest) {
	if b.writes == nil {
		b.writes = make(map[itemKey]types.WriteRequest)
	}
	if _, ok := b.writes[key]; !ok {
		b.order = append(b.order, key)
	}
	b.writes[key] = request
}

func (b *batchWrite) put(row item) {
	b.add(keyOf(row), types.WriteRequest{PutRequest: &types.PutRequest{Item: row}})
}

func (b *batchWrite) delete(key itemKey) {
	b.add(key, types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: key.item()}})
}

// run writes to one table, chunks at the same time.
func (b *batchWrite) run(ctx context.Context, s *Store, op, table string) error {
	var writes []func(context.Context) error
	for chunk := range b.chunks() {
		writes = append(writes, func(ctx context.Context) error {
			_, err := s.batchWriteChunk(ctx, op, table, chunk)
			return err
		})
	}
	return s.parallel(ctx, writes...)
}

// chunks are the writes, as many together as a request takes.
func (b *batchWrite) chunks() iter.Seq[[]types.WriteRequest] {
	return func(yield func([]types.WriteRequest) bool) {
		for keys := range slices.Chunk(b.order, maxBatchWrite) {
			chunk := make([]types.WriteRequest, len(keys))
			for i, key := range keys {
				chunk[i] = b.writes[key]
			}
			if !yield(chunk) {
				return
			}
		}
	}
}

// batchWriteChunk also gives what was left unwritten when it failed.
func (s *Store) batchWriteChunk(ctx context.Context, op, table string, left []types.WriteRequest) ([]types.WriteRequest, error) {
	err := s.written(ctx, op, func(ctx context.Context) error {
		out, err := s.client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{table: left},
		})
		if err != nil {
			return failed(op, err)
		}
		if left = out.UnprocessedItems[table]; len(left) > 0 {
			return again{busy(op, errUnprocessed)}
		}
		return nil
	})
	return left, err
}
