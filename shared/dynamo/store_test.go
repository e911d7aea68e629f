package dynamo_test

import (
	"testing"

	"unsend/shared/chat"
	"unsend/shared/chat/chattest"
	"unsend/shared/dynamo"
	"unsend/shared/dynamo/dynamotest"
)

func newStore(t *testing.T) chat.Store {
	client := dynamotest.Client(t)
	return dynamo.New(client, dynamotest.Tables(t, client), dynamo.Options{})
}

func TestServices(t *testing.T) { chattest.RunServices(t, newStore) }
