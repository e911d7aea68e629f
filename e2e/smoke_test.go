package e2e

import (
	"strings"
	"testing"
)

// The smoke test finds nothing wrong with this deployment, and leaves no server behind.
func TestSmokeOfThisDeployment(t *testing.T) {
	t.Parallel()
	l := newCommandLine(t)
	out := l.ok("smoke --patience 15s")
	if n := strings.Count(out, "✓"); n != 13 {
		t.Errorf("%d steps:\n%s", n, out)
	}
	_, rest, found := strings.Cut(out, "The server ")
	id, _, deleted := strings.Cut(rest, " is deleted.")
	if !found || !deleted {
		t.Fatalf("the server was not deleted:\n%s", out)
	}
	l.refused("server show "+id, "no such server")
	if jobs := l.ok("job list " + id); !strings.Contains(jobs, id) {
		t.Errorf("no job removes the rows of %s:\n%s", id, jobs)
	}
}

// What is not as it should be ends it with exit code 1, after a word about what to do.
func TestSmokeFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	l := newCommandLine(t)
	code, out, errs := l.do("smoke --patience 1ms")
	if code != 1 || !strings.Contains(out, "✗") || !strings.Contains(out, "Look at the log of") || !strings.Contains(errs, "see the step marked ✗") {
		t.Errorf("code %d\n%s%s", code, out, errs)
	}
}
