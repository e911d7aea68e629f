package meter

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// exchanges is how many requests may be under way at a time.
const exchanges = 64

// exchange is a place of a request and its answer. Its channels belong to no
// bubble: whoever waits at them in one keeps its time from passing.
type exchange struct {
	requests chan *http.Request
	answers  chan answer
}

type answer struct {
	response *http.Response
	err      error
}

// outside sends the requests of a bubble from without.
type outside chan exchange

// Cleaner calls what it was given when something ends: a test, for one.
type Cleaner interface{ Cleanup(func()) }

// Outside makes a client that does the requests of a bubble with client, outside of it: the
// goroutines that a connection keeps for later would never let the bubble's time pass. It must be called
// outside, too. The requests' own deadlines, which are times of the bubble, are not passed on.
func Outside(until Cleaner, client dynamodb.HTTPClient) dynamodb.HTTPClient {
	free := make(outside, exchanges)
	for range exchanges {
		e := exchange{make(chan *http.Request), make(chan answer)}
		until.Cleanup(func() { close(e.requests) })
		go func() {
			for request := range e.requests {
				e.answers <- whole(client.Do(request))
			}
		}()
		free <- e
	}
	return free
}

// Do waits for the answer, and for its end.
func (free outside) Do(request *http.Request) (*http.Response, error) {
	if err := request.Context().Err(); err != nil {
		return nil, err
	}
	e := <-free
	defer func() { free <- e }()
	e.requests <- request.WithContext(context.Background())
	got := <-e.answers
	return got.response, got.err
}

// whole reads the body, so that nothing of the connection is left in the answer.
func whole(response *http.Response, err error) answer {
	if err != nil {
		return answer{nil, err}
	}
	body, err := io.ReadAll(response.Body)
	if closed := response.Body.Close(); err == nil {
		err = closed
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	return answer{response, err}
}
