package dynamo

import (
	"context"
	"errors"
	"reflect"
	"strings"

	"unsend/shared/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// jobRow is a job; which one, is in its key. It ends when it is finished long enough.
type jobRow struct {
	CreatedAt  int64     `dynamodbav:"created_at"`
	UpdatedAt  int64     `dynamodbav:"updated_at"`
	FinishedAt int64     `dynamodbav:"finished_at,omitempty"`
	ExpiresAt  int64     `dynamodbav:"ttl,omitempty"`
	Version    int64     `dynamodbav:"version"`
	Sweep      *sweepRow `dynamodbav:"sweep,omitempty"`

	Stage   int     `dynamodbav:"stage,omitempty"`
	Channel string  `dynamodbav:"channel,omitempty"`
	Message *refRow `dynamodbav:"message,omitempty"`
	Until   int64   `dynamodbav:"until,omitempty"`
	Row     string  `dynamodbav:"row,omitempty"`

	Channels int `dynamodbav:"channels,omitempty"`
	Found    int `dynamodbav:"found,omitempty"`
	Revoked  int `dynamodbav:"revoked,omitempty"`
	Refused  int `dynamodbav:"refused,omitempty"`
	Removed  int `dynamodbav:"removed,omitempty"`
}

type sweepRow struct {
	Account  string   `dynamodbav:"account"`
	Channel  string   `dynamodbav:"channel,omitempty"`
	Since    int64    `dynamodbav:"since,omitempty"`
	Operator actorRow `dynamodbav:"operator"`
	Info     infoRow  `dynamodbav:"info"`
	DryRun   bool     `dynamodbav:"dry,omitempty"`
	Bound    bool     `dynamodbav:"bound,omitempty"`
}

// entrySpread is within how many ms more an entry looks for a place of its own: so that many of one moment do not meet again and again.
const entrySpread = 1_000

// attrSaving tells one saving of a job from another that says the same.
const attrSaving = "saving"

func jobKey(ref chat.JobRef) (itemKey, error) {
	return newKey([]string{"jobs", ref.ServerID}, []string{string(ref.Kind), ref.ID})
}

func encodeJob(j chat.Job) (item, error) {
	key, err := jobKey(j.JobRef)
	if err != nil {
		return nil, err
	}
	row := jobRow{
		CreatedAt: j.CreatedAt, UpdatedAt: j.UpdatedAt, FinishedAt: j.FinishedAt, Version: j.Version,
		Stage: j.Place.Stage, Channel: j.Place.ChannelID, Until: j.Place.Until, Row: j.Place.Row,
		Channels: j.Counts.Channels, Found: j.Counts.Found, Revoked: j.Counts.Revoked, Refused: j.Counts.Refused, Removed: j.Counts.Removed,
	}
	if j.FinishedAt > 0 {
		row.ExpiresAt = secondsUp(j.FinishedAt + chat.JobTTL.Milliseconds())
	}
	if m := j.Place.Message; m != nil {
		row.Message = &refRow{m.Timestamp, m.MsgServerID}
	}
	if s := j.Sweep; s != nil {
		row.Sweep = &sweepRow{s.AccountID, s.ChannelID, s.Since, actorRowOf(s.Operator), infoRow(s.Info), s.DryRun, s.Bound}
	}
	return key.with(row)
}

func decodeJob(row item) (chat.Job, error) {
	stored, err := decode[jobRow](row)
	if err != nil {
		return chat.Job{}, err
	}
	_, server, ok := strings.Cut(textOf(row[attrPK]), separator)
	kind, id, ok2 := strings.Cut(textOf(row[attrSK]), separator)
	if !ok || !ok2 {
		return chat.Job{}, errBadRow
	}
	j := chat.Job{
		JobRef:    chat.JobRef{ServerID: server, Kind: chat.JobKind(kind), ID: id},
		CreatedAt: stored.CreatedAt, UpdatedAt: stored.UpdatedAt, FinishedAt: stored.FinishedAt, Version: stored.Version,
		Place:  chat.Place{Stage: stored.Stage, ChannelID: stored.Channel, Until: stored.Until, Row: stored.Row},
		Counts: chat.JobCounts{Channels: stored.Channels, Found: stored.Found, Revoked: stored.Revoked, Refused: stored.Refused, Removed: stored.Removed},
	}
	if m := stored.Message; m != nil {
		j.Place.Message = &chat.MessageRef{Timestamp: m.Timestamp, MsgServerID: m.ID}
	}
	if s := stored.Sweep; s != nil {
		j.Sweep = &chat.Sweep{
			AccountID: s.Account, ChannelID: s.Channel, Since: s.Since, Operator: s.Operator.actor(), Info: chat.UpdateInfo(s.Info),
			DryRun: s.DryRun, Bound: s.Bound,
		}
	}
	return j, nil
}

// PutJob puts the job, if there is none, and its entry in one transaction; a refusal is told by the job that is there. One that is bound is
// its operator's last from then on. An entry takes no
// other's place: its version, which is a time, is some ms more where another sweep's has that.
func (s *Store) PutJob(ctx context.Context, job chat.Job, by chat.Act) (chat.Job, bool, error) {
	const op = "PutJob"
	job.Version = 1
	row, err := encodeJob(job)
	if err != nil {
		return chat.Job{}, false, failed(op, err)
	}
	created, entry, atWork := false, by.OfSweep(job), chat.Job{}
	err = s.written(ctx, op, func(ctx context.Context) error {
		w := transaction{table: s.tables.Community}
		w.failing(func(context.Context, *Store, string) error { return errJobIsThere })
		w.put(row, nil)
		w.guard(0)
		if job.Sweep.Bound {
			if atWork, err = w.takesTurn(ctx, s, op, job); err != nil {
				return err
			}
		}
		w.failing(func(_ context.Context, s *Store, _ string) error {
			entry.Version += 1 + int64(s.options.Rand()*entrySpread)
			return again{busy(op, errOvertaken)}
		})
		w.audited(s.tables.Audit, entry)
		if w.err == nil {
			w.guard(0)
		}
		if w.err != nil {
			return failed(op, w.err)
		}
		err := w.run(ctx, s, op)
		created = err == nil
		return err
	})
	if errors.Is(err, errJobIsThere) {
		stored, err := s.Job(ctx, job.JobRef)
		return stored, false, err
	}
	if err != nil {
		return atWork, false, err
	}
	stored, err := decodeJob(row)
	return stored, created, failed(op, err)
}

var errJobIsThere = errors.New("there is a job of this name")

// Job reads one row.
func (s *Store) Job(ctx context.Context, ref chat.JobRef) (chat.Job, error) {
	const op = "Job"
	key, err := jobKey(ref)
	if err != nil {
		return chat.Job{}, failed(op, err)
	}
	row, err := s.get(ctx, op, s.tables.Community, key)
	switch {
	case err != nil:
		return chat.Job{}, err
	case row == nil:
		return chat.Job{}, chat.NoSuchJob()
	}
	job, err := decodeJob(row)
	return job, failed(op, err)
}

// Jobs reads one page with one query.
func (s *Store) Jobs(ctx context.Context, serverID string, after *chat.JobRef, limit int) ([]chat.Job, bool, error) {
	const op = "Jobs"
	pk, err := partition("jobs", serverID)
	if err != nil {
		return nil, false, failed(op, err)
	}
	p := span{table: s.tables.Community, pk: pk, limit: limit}
	if after != nil {
		key, err := jobKey(*after)
		if err != nil {
			return nil, false, failed(op, err)
		}
		p.comparison, p.bound = ">", key.sk
	}
	rows, last, err := s.page(ctx, op, p)
	if err != nil {
		return nil, false, err
	}
	var jobs []chat.Job
	for _, row := range rows {
		job, err := decodeJob(row)
		if err != nil {
			return nil, false, failed(op, err)
		}
		jobs = append(jobs, job)
	}
	return jobs, last != "", nil
}

// SaveJob is one conditional put. One whose answer was lost, and which the client then repeated, is told by the row that is there.
func (s *Store) SaveJob(ctx context.Context, job chat.Job) (chat.Job, error) {
	const op = "SaveJob"
	was := job.Version
	job.Version++
	row, err := encodeJob(job)
	if err != nil {
		return chat.Job{}, failed(op, err)
	}
	row[attrSaving] = number(int64(s.options.Rand() * chat.MaxTimestamp))
	err = s.written(ctx, op, func(ctx context.Context) error {
		_, err := s.client.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: aws.String(s.tables.Community), Item: row,
			ConditionExpression:       aws.String("#version = :version"),
			ExpressionAttributeNames:  map[string]string{"#version": attrVersion},
			ExpressionAttributeValues: item{":version": number(was)},

			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		})
		if refused, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
			if reflect.DeepEqual(refused.Item, row) {
				return nil
			}
			return &chat.Error{Code: chat.Stale, Reason: "somebody else went on with the job"}
		}
		return failed(op, err)
	})
	return job, err
}

// deletion is how a channel or server goes.
type deletion[T any] struct {
	op     string
	key    itemKey
	job    chat.JobRef
	decode func(item) (T, error)
	gone   itemKey
	with   func(w *transaction) // the writes that go with it
}

// delete reads the row strongly, has it judged, and replaces it with its tombstone and the job, on the condition that it is still
// the one that was read; else it begins anew.
func (d deletion[T]) delete(ctx context.Context, s *Store, by chat.Act, may func(T) error) (job chat.Job, err error) {
	err = s.written(ctx, d.op, func(ctx context.Context) error {
		row, err := s.get(ctx, d.op, s.tables.Community, d.key)
		if err != nil {
			return err
		}
		if row == nil {
			job, err = s.Job(ctx, d.job)
			if chat.CodeOf(err) == chat.NotFound {
				err = chat.NoSuch(d.job.Kind)
			}
			return err
		}
		value, err := d.decode(row)
		if err != nil {
			return failed(d.op, err)
		}
		if err := may(value); err != nil {
			return err
		}
		stored, err := decode[struct {
			Version int64 `dynamodbav:"version"`
		}](row)
		if err != nil {
			return failed(d.op, err)
		}
		job = chat.Job{JobRef: d.job, CreatedAt: by.At.UnixMilli(), UpdatedAt: by.At.UnixMilli(), Version: 1}
		w := transaction{table: s.tables.Community}
		w.deleteAt(d.key, stored.Version)
		w.put(d.gone.item(), nil)
		w.put(encodeJob(job))
		d.with(&w)
		w.audited(s.tables.Audit, by.OfDeletion(d.job, stored.Version))
		if w.err != nil {
			return failed(d.op, w.err)
		}
		return w.run(ctx, s, d.op)
	})
	return job, err
}

// DeleteChannel deletes the row and puts the others in one transaction.
func (s *Store) DeleteChannel(ctx context.Context, serverID, channelID string, by chat.Act, may func(chat.Channel) error) (chat.Job, error) {
	const op = "DeleteChannel"
	key, err := channelKey(serverID, channelID)
	if err != nil {
		return chat.Job{}, failed(op, err)
	}
	gone, err := goneChannelKey(serverID, channelID)
	if err != nil {
		return chat.Job{}, failed(op, err)
	}
	return deletion[chat.Channel]{
		op: op, key: key, gone: gone, job: chat.JobRef{ServerID: serverID, Kind: chat.ChannelJob, ID: channelID},
		decode: func(row item) (chat.Channel, error) { return decodeChannel(serverID, channelID, row) },
		with: func(w *transaction) {
			w.changed(serverID, by.At, changedChannel, channelID)
			w.channelsChanged(op, serverID, -1)
		},
	}.delete(ctx, s, by, may)
}

// DeleteServer deletes the row and puts the others in one transaction.
func (s *Store) DeleteServer(ctx context.Context, serverID string, by chat.Act, may func(chat.Server) error) (chat.Job, error) {
	const op = "DeleteServer"
	key, err := serverKey(serverID)
	if err != nil {
		return chat.Job{}, failed(op, err)
	}
	gone, err := goneServerKey(serverID)
	if err != nil {
		return chat.Job{}, failed(op, err)
	}
	return deletion[chat.Server]{
		op: op, key: key, gone: gone, job: chat.JobRef{ServerID: serverID, Kind: chat.ServerJob, ID: serverID},
		decode: func(row item) (chat.Server, error) { return decodeServer(serverID, row) },
		with:   func(w *transaction) { w.changed(serverID, by.At, changedServer) },
	}.delete(ctx, s, by, may)
}
