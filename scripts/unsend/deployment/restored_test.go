package deployment

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"unsend/scripts/local/stack"
)

// tables answers DescribeTable with what is said of each table, and each Query with nothing.
func tables(t *testing.T, described map[string]string) *Deployment {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct{ TableName string }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		text := `{"Items":[],"Count":0}`
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".DescribeTable") {
			text = `{"Table":` + described[in.TableName] + `}`
			if described[in.TableName] == "" {
				w.WriteHeader(http.StatusBadRequest)
				text = `{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"}`
			}
		}
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(server.Close)
	return &Deployment{
		Description: stack.Description{Name: "prod", MessagesTable: "messages", CommunityTable: "c", SessionsTable: "s", AuditTable: "audit"},
		aws: aws.Config{
			Region: "eu-central-1", BaseEndpoint: aws.String(server.URL),
			Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "key", SecretAccessKey: "secret"}, nil
			}),
		},
	}
}

const arnOf = "arn:aws:dynamodb:eu-central-1:123456789012:table/"

// Another deployment's table has another name than this one's: what tells it is that it has a stream, or was restored from elsewhere.
func TestOnlyARestoredTableOfThisStackIsTaken(t *testing.T) {
	t.Parallel()
	const stream = `,"StreamSpecification":{"StreamEnabled":true,"StreamViewType":"KEYS_ONLY"}`
	table := func(name, more string) string {
		return `{"TableName":"` + name + `","TableArn":"` + arnOf + name + `"` + more + `}`
	}
	from := func(name string) string {
		return `,"RestoreSummary":{"SourceTableArn":"` + name + `","RestoreDateTime":1767225600.5,"RestoreInProgress":false}`
	}
	d := tables(t, map[string]string{
		"plain":     table("plain", `,"StreamSpecification":{"StreamEnabled":false}`),
		"served":    table("served", stream),
		"messages":  table("messages", stream+from(arnOf+"messages-restored")),
		"restored":  table("restored", from(arnOf+"messages")),
		"foreign":   table("foreign", from(arnOf+"other-messages")),
		"elsewhere": table("elsewhere", from("arn:aws:dynamodb:eu-west-1:123456789012:table/messages")),
	})
	for name, c := range map[string]struct {
		table string
		live  bool
		point int64
		says  string
	}{
		"restored, as AWS says":         {"restored", false, 1_767_225_600_500, ""},
		"of which nothing is said":      {"plain", false, 0, ""},
		"that somebody serves":          {"served", false, 0, "has a stream, as a table that is served has"},
		"that somebody serves, as live": {"served", true, 0, ""},
		"this stack's own":              {"messages", true, 0, ""}, // and was once restored from another name
		"of another stack":              {"foreign", false, 0, `was restored from ` + arnOf + `other-messages, not from messages, which the stack "prod" serves`},
		"of another stack, as live":     {"foreign", true, 0, "was restored from"},
		"of another region":             {"elsewhere", false, 0, "was restored from"},
		"that is not there":             {"nowhere", false, 0, "is it restored"},
	} {
		point, err := d.CheckRestored(t.Context(), c.table, c.live)
		if point != c.point || (err == nil) != (c.says == "") || (err != nil && !strings.Contains(err.Error(), c.says)) {
			t.Errorf("a table %s: %d, %v, want %d, %q", name, point, err, c.point, c.says)
		}
	}
}

func TestSinceWhenThereIsAnAudit(t *testing.T) {
	t.Parallel()
	d := tables(t, map[string]string{"audit": `{"TableName":"audit","CreationDateTime":1767225600.25}`})
	if at, err := d.AuditCreated(t.Context()); err != nil || !at.Equal(time.UnixMilli(1_767_225_600_250)) {
		t.Errorf("%v, %v", at, err)
	}
	d.AuditTable = "nowhere"
	if _, err := d.AuditCreated(t.Context()); err == nil || !strings.Contains(err.Error(), "dynamodb:DescribeTable") {
		t.Errorf("%v", err)
	}
}
