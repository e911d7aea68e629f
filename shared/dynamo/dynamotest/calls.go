package dynamotest

import "encoding/json"

// Call is one on a table or on an index of it, by the name of the action that a role must permit.
type Call struct {
	Table, Index string // Index is empty where the table itself is meant
	Operation    string
}

// Calls are what a request of DynamoDB's API asks for, by its operation and its body: one for each table of a batch, and one for each part
// of a transaction. Of what cannot be read there are none.
func Calls(operation string, body []byte) (calls []Call) {
	var in struct {
		TableName, IndexName string
		RequestItems         map[string]json.RawMessage
		TransactItems        []map[string]struct{ TableName string }
	}
	if json.Unmarshal(body, &in) != nil {
		return nil
	}
	if in.TableName != "" {
		calls = append(calls, Call{in.TableName, in.IndexName, operation})
	}
	for table := range in.RequestItems {
		calls = append(calls, Call{Table: table, Operation: operation})
	}
	for _, item := range in.TransactItems {
		for part, of := range item {
			calls = append(calls, Call{Table: of.TableName, Operation: part + "Item"})
		}
	}
	return calls
}
