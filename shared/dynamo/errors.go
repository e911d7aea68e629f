package dynamo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	"unsend/shared/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

var (
	// errBadRow: a stored row is not what this code, or any before it, wrote.
	errBadRow = errors.New("the stored row is malformed")
	// errBadValue: a value cannot be stored.
	errBadValue = errors.New("a value has no stored form")
)

// requestError is what is kept of the service's refusal. The exception itself
// is dropped: it may hold items.
type requestError struct {
	code, message, requestID string
	reasons                  []string // of a cancelled transaction, by item
}

func (e *requestError) Error() string {
	text := e.code
	if e.message != "" {
		text += ": " + e.message
	}
	if len(e.reasons) > 0 {
		text += fmt.Sprintf(" %v", e.reasons)
	}
	if e.requestID != "" {
		text += " (request " + e.requestID + ")"
	}
	return text
}

// opError names the operation, once.
type opError struct {
	op  string
	err error
}

func (e *opError) Error() string { return e.op + ": " + e.err.Error() }
func (e *opError) Unwrap() error { return e.err }

// isWrapped: what a caller may see is passed on as it is, and so is what names
// its operation.
func isWrapped(err error) bool {
	if _, ok := errors.AsType[*chat.Error](err); ok {
		return true
	}
	_, ok := errors.AsType[*opError](err)
	return ok
}

// again marks a failure that the same request may not meet a moment later.
type again struct{ error }

func (a again) Unwrap() error { return a.error }

// busyCodes are the service's codes for "later": throttling, conflicts and
// failures of its own. (DynamoDB Developer Guide, "Error handling" and
// "TransactWriteItems"; the last four are reasons of a cancelled transaction.)
var busyCodes = []string{
	"ProvisionedThroughputExceededException", "ThrottlingException", "Throttling", "RequestLimitExceeded",
	"LimitExceededException", "TransactionInProgressException", "TransactionConflictException",
	"ReplicatedWriteConflictException", "InternalServerError", "InternalFailure", "ServiceUnavailable",
	"ServiceUnavailableException", "RequestTimeout", "RequestTimeoutException",
	reasonConflict, "ProvisionedThroughputExceeded", "ThrottlingError", "AccountLimitExceeded",
}

// The reasons of a cancelled transaction that the store acts on.
const (
	reasonNone      = "None"
	reasonCondition = "ConditionalCheckFailed"
	reasonConflict  = "TransactionConflict"
)

// conflictCodes say that another transaction held a row of this write: nothing
// was written, and trying again soon is what helps. The client does not do it.
var conflictCodes = []string{"TransactionConflictException", reasonConflict}

// failed wraps an error of the SDK, once, with the operation. Nothing that the
// service was sent, or had stored, is in it.
func failed(op string, err error) error {
	if isWrapped(err) || err == nil {
		return err
	}
	if ended := contextError(err); ended != nil {
		return busy(op, ended)
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return refusal(op, err, api)
	}
	if unreachable(err) {
		return busy(op, fmt.Errorf("no answer: %w", transportCause(err)))
	}
	return &opError{op, err}
}

func busy(op string, cause error) error {
	return &chat.Error{Code: chat.Busy, Err: fmt.Errorf("%s: %w", op, cause)}
}

func contextError(err error) error {
	for _, ended := range []error{context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, ended) {
			return ended
		}
	}
	if _, ok := errors.AsType[*aws.RequestCanceledError](err); ok {
		return context.Canceled
	}
	return nil
}

// refusal tells apart what may be tried again, what the caller should try
// later, and what is a mistake of ours.
func refusal(op string, err error, api smithy.APIError) error {
	kept := sanitized(err, api)
	codes := append(slices.Clone(kept.reasons), kept.code)
	matches := func(list []string) bool {
		return slices.ContainsFunc(codes, func(code string) bool { return slices.Contains(list, code) })
	}
	switch {
	case matches(conflictCodes) || len(kept.reasons) > 0 && matches(busyCodes):
		return again{busy(op, kept)}
	case matches(busyCodes) || statusOf(err) >= 500:
		return busy(op, kept)
	}
	return &opError{op, kept}
}

// sanitized drops the message of a malformed request too: it quotes values.
func sanitized(err error, api smithy.APIError) *requestError {
	kept := &requestError{code: api.ErrorCode(), reasons: reasonsOf(err)}
	if response, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		kept.requestID = response.ServiceRequestID()
	}
	switch {
	case kept.code == "ValidationException", kept.code == "SerializationException", len(kept.reasons) > 0:
	default:
		kept.message = api.ErrorMessage()
	}
	return kept
}

// reasonsOf are the codes of a cancelled transaction, by item; nil for another error.
func reasonsOf(err error) []string {
	cancelled, ok := errors.AsType[*types.TransactionCanceledException](err)
	if !ok {
		return nil
	}
	codes := make([]string, len(cancelled.CancellationReasons))
	for i, reason := range cancelled.CancellationReasons {
		if codes[i] = aws.ToString(reason.Code); codes[i] == "" {
			codes[i] = reasonNone
		}
	}
	return codes
}

func statusOf(err error) int {
	if response, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		return response.HTTPStatusCode()
	}
	return 0
}

func unreachable(err error) bool {
	if _, ok := errors.AsType[*smithyhttp.RequestSendError](err); ok {
		return true
	}
	return networkError(err) != nil || statusOf(err) >= 500
}

// networkError is the network's own, nil where there is none. (errors.AsType would make larger binaries: the code for an interface is shared by nothing.)
func networkError(err error) net.Error {
	var cause net.Error
	if errors.As(err, &cause) {
		return cause
	}
	return nil
}

// transportCause is the network's own error where there is one: the SDK's
// wrapping tells the attempts, and nothing more that helps.
func transportCause(err error) error {
	if cause := networkError(err); cause != nil {
		return cause
	}
	if cause, ok := errors.AsType[*smithyhttp.RequestSendError](err); ok {
		return cause.Err
	}
	return errors.New("the service failed")
}
