package operations

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// tape keeps what the endpoint answered to the requests of one invocation. Played back, it answers the same requests from
// memory, at once: what is left of the invocation's time is that of the code, whatever the endpoint is.
type tape struct {
	endpoint dynamodb.HTTPClient

	mu      sync.Mutex
	mode    mode
	answers map[request]*take
}

// mode is what a tape does with a request.
type mode int

const (
	passing mode = iota // it is the endpoint's
	keeping             // it is the endpoint's, and the answer is kept
	playing             // it is answered from memory
)

// request tells requests apart, as far as their answers need it.
type request struct {
	target string
	sum    uint64
	length int
}

// take is the answers to equal requests, in the order of asking.
type take struct {
	answers []answered
	next    int
}

type answered struct {
	status int
	header http.Header
	body   []byte
}

func newTape() *tape { return &tape{answers: map[request]*take{}} }

// attach is an option of the client whose answers are kept.
func (t *tape) attach(o *dynamodb.Options) {
	t.endpoint, o.HTTPClient = o.HTTPClient, t
}

// turn begins something else: keeping begins with an empty tape, playing with its beginning.
func (t *tape) turn(to mode) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mode = to; to == keeping {
		clear(t.answers)
	}
	for _, take := range t.answers {
		take.next = 0
	}
}

// ended is an error where an answer that is kept was not asked for.
func (t *tape) ended() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for asked, take := range t.answers {
		if take.next != len(take.answers) {
			return fmt.Errorf("%s was asked %d times, and %d answers are kept", asked.target, take.next, len(take.answers))
		}
	}
	return nil
}

// Do asks the endpoint, or plays its answer. See [dynamodb.HTTPClient].
func (t *tape) Do(r *http.Request) (*http.Response, error) {
	t.mu.Lock()
	mode := t.mode
	t.mu.Unlock()
	if mode == passing {
		return t.endpoint.Do(r)
	}
	asked, body, err := read(r)
	if err != nil {
		return nil, err
	}
	if mode == playing {
		return t.play(r, asked)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	response, err := t.endpoint.Do(r)
	if err != nil {
		return nil, err
	}
	kept, err := keep(response)
	if err != nil {
		return nil, err
	}
	t.put(asked, kept)
	return kept.response(r), nil
}

func (t *tape) put(asked request, kept answered) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.answers[asked] == nil {
		t.answers[asked] = &take{}
	}
	t.answers[asked].answers = append(t.answers[asked].answers, kept)
}

func (t *tape) play(r *http.Request, asked request) (*http.Response, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	take := t.answers[asked]
	if take == nil || take.next == len(take.answers) {
		return nil, fmt.Errorf("%s: %w", asked.target, errNotKept)
	}
	take.next++
	return take.answers[take.next-1].response(r), nil
}

var errNotKept = errors.New("it is not among the requests that were kept")

func (a answered) response(r *http.Request) *http.Response {
	return &http.Response{
		StatusCode: a.status, Header: a.header, Body: io.NopCloser(bytes.NewReader(a.body)), ContentLength: int64(len(a.body)), Request: r,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
}

// keep takes an answer as AWS gives it: with a checksum, which the client then compares.
func keep(response *http.Response) (answered, error) {
	body, err := io.ReadAll(response.Body)
	err = errors.Join(err, response.Body.Close())
	header := response.Header.Clone()
	header.Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10))
	return answered{response.StatusCode, header, body}, err
}

// read reads a request. The members of its objects come in any order, so its sum is that of the bytes, in none. A
// transaction has a token of its own in each request, and its answer says nothing: any of as many is as good.
func read(r *http.Request) (request, []byte, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return request{}, nil, err
	}
	asked := request{target: r.Header.Get("X-Amz-Target")}
	if asked.target != "DynamoDB_20120810.TransactWriteItems" {
		asked.length, asked.sum = len(body), sum(body)
	}
	return asked, body, nil
}

// sum is the same for the same bytes in another order, and hardly for any others.
func sum(body []byte) (sum uint64) {
	for _, b := range body {
		sum += weights[b]
	}
	return sum
}

// weights are far apart for bytes that are near (splitmix64).
var weights = func() (weights [256]uint64) {
	for i := range weights {
		z := uint64(i+1) * 0x9e3779b97f4a7c15
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		weights[i] = z ^ z>>31
	}
	return weights
}()
