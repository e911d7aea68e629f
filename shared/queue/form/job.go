package form

import (
	"encoding/json"
	"errors"
	"fmt"

	"unsend/shared/chat"
)

// jobVersion is the form of the messages below.
const jobVersion = 1

// jobJSON names a job. How far it is, is in its row alone, so that a message that comes twice or late does no harm.
type jobJSON struct {
	Version int    `json:"v"`
	Server  string `json:"server"`
	Kind    string `json:"kind"`
	ID      string `json:"job"`
}

// EncodeJob is the body of a job's message.
func EncodeJob(job chat.JobRef) (string, error) {
	body, err := json.Marshal(jobJSON{jobVersion, job.ServerID, string(job.Kind), job.ID})
	if err != nil {
		return "", fmt.Errorf("encode a job: %w", err)
	}
	return escaped(body), nil
}

var errNoJob = errors.New("not a job")

// DecodeJob reads the body of a message. Whoever may write to the queue may write anything, so each id is
// checked. The error holds nothing of the body.
func DecodeJob(body string) (chat.JobRef, error) {
	var encoded jobJSON
	if err := json.Unmarshal([]byte(body), &encoded); err != nil || encoded.Version != jobVersion {
		return chat.JobRef{}, errNoJob
	}
	job := chat.JobRef{ServerID: encoded.Server, Kind: chat.JobKind(encoded.Kind), ID: encoded.ID}
	if job.Check() != nil {
		return chat.JobRef{}, errNoJob
	}
	return job, nil
}
