package operations

import (
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"unsend/shared/chat"
	"unsend/shared/dynamo/dynamotest"
)

// measured is a run of the test.
func measured(t *testing.T, o Options) []Scene {
	t.Helper()
	o.Bubble = func(f func()) { synctest.Test(t, func(*testing.T) { f() }) }
	client := func(options ...func(*dynamodb.Options)) *dynamodb.Client { return dynamotest.Client(t, options...) }
	scenes, err := Run(t.Context(), client, o)
	if err != nil {
		t.Fatal(err)
	}
	return scenes
}

// With ten times the history and six times the members no operation takes a round trip, a request or a unit more.
func TestCostsDoNotGrow(t *testing.T) {
	scenes := measured(t, Options{Histories: []int{100, 1_000}, Members: []int{30, 180}, Times: 1})
	if len(scenes) != 3 {
		t.Fatalf("%d scenes", len(scenes))
	}
	for _, scene := range scenes {
		for i, each := range scene.Operations {
			small := scenes[0].Operations[i]
			each.Own, each.Whole, small.Own, small.Whole = nil, nil, nil, nil
			if each != small {
				t.Errorf("%d messages, %d members: %+v; with %d and %d: %+v", scene.History, scene.Members, each, scenes[0].History, scenes[0].Members, small)
			}
			if each.RoundTrips == 0 || each.Reads+each.Writes == 0 {
				t.Errorf("%s cost nothing", each.Name)
			}
		}
		if len(scene.Operations) != len(cases) {
			t.Errorf("%d operations", len(scene.Operations))
		}
	}
	for _, each := range scenes[0].Operations {
		t.Logf("%+v; own %+v, whole %+v", each, each.Own, each.Whole)
		if each.Own == nil || each.Own.Median <= 0 || each.Own.Allocations <= 0 || each.Whole == nil || each.Whole.Median <= 0 {
			t.Errorf("%s was not timed", each.Name)
		}
	}
}

// The same holds in a large server, where a notice alone costs something else.
func TestCostsDoNotGrowInLargeServers(t *testing.T) {
	scenes := measured(t, Options{Histories: []int{100}, Members: []int{30, chat.DefaultLargeServer, chat.DefaultLargeServer + 500}})
	for i, small := range scenes[0].Operations {
		large, larger := scenes[1].Operations[i], scenes[2].Operations[i]
		if large != larger {
			t.Errorf("%+v, and with more members %+v", large, larger)
		}
		small.Answer, large.Answer = 0, 0 // sync says who is told
		if (large != small) != (small.Name == "notify") {
			t.Errorf("%+v, and in a large server %+v", small, large)
		}
	}
}
