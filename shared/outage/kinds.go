package outage

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Kind is a way of being down.
type Kind string

// The ways. What is Busy may pass by itself; what is Refused wants somebody to mend it; what is Blips has passed when the client of the
// service asks again.
const (
	Throttled   Kind = "throttled"   // too many requests
	Failing     Kind = "failing"     // 500
	Hanging     Kind = "hanging"     // no answer
	Unreachable Kind = "unreachable" // the connection is closed before an answer
	Lost        Kind = "lost"        // done, and the answer lost
	Unprocessed Kind = "unprocessed" // a batch of which no part is done
	Conflicting Kind = "conflicting" // another transaction has the row
	Crowded     Kind = "crowded"     // a transaction is cancelled for want of throughput
	Flooded     Kind = "flooded"     // too many requests for one key

	Forbidden Kind = "forbidden" // not permitted
	Absent    Kind = "absent"    // there is no such table, queue, secret or key set

	FailsOnce Kind = "fails once" // 500, and then well
	LostOnce  Kind = "lost once"  // done, the first answer lost, and then well
)

// kinds are those that a call can meet.
func kinds(l Line, call string) []Kind {
	list := []Kind{Throttled, Failing, Hanging, Unreachable, Lost, Forbidden}
	if l.On != Connections && l.On != Bus { // of the one's 410 the functions' other tests tell, and the other takes and loses what it gets
		list = append(list, Absent)
	}
	if l.On != Connections && l.On != KeySet { // whose clients do not ask again
		list = append(list, FailsOnce, LostOnce)
	}
	if l.Of == count {
		list = append(list, Flooded)
	}
	switch {
	case call == "BatchGetItem", call == "BatchWriteItem", call == "PutEvents":
		list = append(list, Unprocessed)
	case isTransacted(call):
		list = append(list, Conflicting, Crowded)
	}
	return list
}

// isTransacted: the call may be a part of a transaction.
func isTransacted(call string) bool {
	return slices.Contains([]string{"PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem"}, call)
}

// refused: it does not pass by itself.
func (k Kind) refused() bool { return k == Forbidden || k == Absent }

// blips: who asks again is answered.
func (k Kind) blips() bool { return k == FailsOnce || k == LostOnce }

// refusal is how a service says it.
type refusal struct {
	status int
	code   string
}

// refusals are the answers of the services that are refusals (the services' API References, "Errors"; API Gateway developer guide,
// "Use @connections commands").
var refusals = map[string]map[Kind]refusal{
	"DynamoDB": {
		Throttled: {400, "ProvisionedThroughputExceededException"}, Failing: {500, "InternalServerError"},
		Forbidden: {400, "AccessDeniedException"}, Absent: {400, "ResourceNotFoundException"}, Conflicting: {400, "TransactionConflictException"},
		Crowded: {400, "ThrottlingException"}, Flooded: {400, "ProvisionedThroughputExceededException"},
	},
	"AmazonSQS": {
		Throttled: {400, "RequestThrottled"}, Failing: {500, "InternalFailure"},
		Forbidden: {403, "AccessDeniedException"}, Absent: {400, "QueueDoesNotExist"},
	},
	"secretsmanager": {
		Throttled: {400, "ThrottlingException"}, Failing: {500, "InternalServiceError"},
		Forbidden: {400, "AccessDeniedException"}, Absent: {400, "ResourceNotFoundException"},
	},
	"AWSEvents": {
		Throttled: {400, "ThrottlingException"}, Failing: {500, "InternalException"},
		Forbidden: {400, "AccessDeniedException"},
	},
	"@connections": {Throttled: {429, "LimitExceededException"}, Failing: {500, "InternalServerErrorException"}, Forbidden: {403, "ForbiddenException"}},
	"JWKS":         {Throttled: {429, ""}, Failing: {500, ""}, Forbidden: {403, ""}, Absent: {404, ""}},
}

// spoil answers a request so. Forwarding it, where the kind is one that does, is done by then.
func (k Kind) spoil(w http.ResponseWriter, a asked) {
	switch k {
	case Hanging:
		select {
		case <-a.request.Context().Done():
		case <-a.closing:
		}
		hangUp(w)
	case Unreachable, Lost, LostOnce:
		hangUp(w)
	case Unprocessed:
		write(w, http.StatusOK, "", a.unprocessed())
	case FailsOnce:
		Failing.spoil(w, a)
	default:
		if body := a.cancelled(k); body != "" {
			write(w, http.StatusBadRequest, "TransactionCanceledException", body)
			return
		}
		r := refusals[a.service][k]
		write(w, r.status, r.code, fmt.Sprintf(`{"__type":%q,"message":"as a test wants it"%s}`, r.code, k.reasons()))
	}
}

// reasons are the rest of a refusal that says why.
func (k Kind) reasons() string {
	if k != Flooded {
		return ""
	}
	return `,"ThrottlingReasons":[{"reason":"TableWriteKeyRangeThroughputExceeded","resource":"as a test wants it"}]`
}

func write(w http.ResponseWriter, status int, code, body string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	if code != "" {
		w.Header().Set("X-Amzn-ErrorType", code)
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body)) // whoever hung up has its own trouble
}

// hangUp closes the connection without an answer.
func hangUp(w http.ResponseWriter) {
	if connection, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = connection.Close() // that is all that is wanted of it
	}
}

// cancelled is the refusal of a transaction in which the part on the spoilt table is to blame; empty for other requests and kinds.
func (a asked) cancelled(k Kind) string {
	code := map[Kind]string{Conflicting: "TransactionConflict", Crowded: "ThrottlingError"}[k]
	if code == "" || a.operation != "TransactWriteItems" {
		return ""
	}
	reasons := make([]string, len(a.calls))
	for i, each := range a.calls {
		reasons[i] = `{"Code":"None"}`
		if each == a.spoilt {
			reasons[i] = `{"Code":"` + code + `","Message":"as a test wants it"}`
		}
	}
	return `{"__type":"TransactionCanceledException","message":"cancelled","CancellationReasons":[` + strings.Join(reasons, ",") + `]}`
}
