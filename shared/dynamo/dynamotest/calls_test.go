package dynamotest_test

import (
	"cmp"
	"slices"
	"testing"

	"unsend/shared/dynamo/dynamotest"
)

func TestCalls(t *testing.T) {
	t.Parallel()
	type calls = []dynamotest.Call
	for _, c := range []struct {
		operation, body string
		want            calls
	}{
		{"GetItem", `{"TableName":"a","Key":{"pk":{"S":"b"}}}`, calls{{"a", "", "GetItem"}}},
		{"Query", `{"TableName":"a","IndexName":"i"}`, calls{{"a", "i", "Query"}}},
		{"BatchGetItem", `{"RequestItems":{"a":{"Keys":[]},"b":{"Keys":[]}}}`, calls{{"a", "", "BatchGetItem"}, {"b", "", "BatchGetItem"}}},
		{"TransactWriteItems", `{"TransactItems":[{"Put":{"TableName":"a"}},{"Update":{"TableName":"b"}},{"ConditionCheck":{"TableName":"b"}}]}`,
			calls{{"a", "", "PutItem"}, {"b", "", "ConditionCheckItem"}, {"b", "", "UpdateItem"}}},
		{"ListTables", `{}`, nil},
		{"GetItem", `none`, nil},
	} {
		got := dynamotest.Calls(c.operation, []byte(c.body))
		slices.SortFunc(got, func(a, b dynamotest.Call) int {
			return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Operation, b.Operation))
		})
		if !slices.Equal(got, c.want) {
			t.Errorf("%s %s: %v, want %v", c.operation, c.body, got, c.want)
		}
	}
}
