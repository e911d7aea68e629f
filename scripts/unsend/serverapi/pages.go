package serverapi

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"strconv"
)

// maxPage is how many of a list one answer holds at most.
const maxPage = 100

// Pages is a list that is read a page at a time, as far as somebody looks.
type Pages[T any] struct {
	client *Client
	path   []string
	field  string     // of the answer, that has the page
	query  url.Values // besides limit and cursor
	more   bool       // than was given
}

func pages[T any](c *Client, field string, path ...string) *Pages[T] {
	return &Pages[T]{client: c, path: path, field: field, query: url.Values{}, more: true}
}

// All goes through the list, up to limit of it; 0 is no limit. An error is the last that it gives.
func (p *Pages[T]) All(ctx context.Context, limit int) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		cursor, given := "", 0
		for {
			items, next, err := p.page(ctx, cursor, size(limit, given))
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for i, item := range items {
				if !yield(item, nil) {
					p.more = next != "" || i < len(items)-1
					return
				}
				given++
			}
			p.more = next != ""
			if !p.more || limit > 0 && given >= limit {
				return
			}
			cursor = next
		}
	}
}

// More tells whether there may be more than All gave, at its limit or until somebody looked no further.
func (p *Pages[T]) More() bool { return p.more }

func size(limit, given int) int {
	if limit <= 0 {
		return maxPage
	}
	return min(maxPage, limit-given)
}

// page is one page; it may be empty where another follows.
func (p *Pages[T]) page(ctx context.Context, cursor string, size int) (items []T, next string, err error) {
	query := url.Values{"limit": {strconv.Itoa(size)}}
	for name, values := range p.query {
		query[name] = values
	}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	var body map[string]json.RawMessage
	got, err := p.client.do(ctx, request{method: http.MethodGet, path: p.path, query: query}, &body)
	if err != nil {
		return nil, "", err
	}
	if raw, ok := body["next"]; ok {
		err = json.Unmarshal(raw, &next)
	}
	if err == nil {
		err = decode(answer{body: body[p.field], header: got.header}, &items)
	}
	switch {
	case err != nil:
		return nil, "", err
	case next != "" && next == cursor:
		return nil, "", errors.New("the Server API gave the same page twice: the list was not read to its end")
	}
	return items[:min(len(items), size)], next, nil
}
