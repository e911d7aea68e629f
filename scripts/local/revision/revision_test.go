package revision_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"unsend/scripts/local/revision"
)

// git runs in a folder, and gives what it said, or how it failed.
func git(t *testing.T, root string, args ...string) (string, error) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false"}, args...)...)
	c.Dir = root
	out, err := c.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestTheFilesOfARevision(t *testing.T) {
	t.Parallel()
	root, to := t.TempDir(), t.TempDir()
	must := func(args ...string) string {
		t.Helper()
		out, err := git(t, root, args...)
		if err != nil {
			t.Fatal(out, err)
		}
		return out
	}
	must("init", "--quiet")
	write(t, filepath.Join(root, "a", "file"), "earlier")
	must("add", ".")
	must("commit", "--quiet", "-m", "earlier")
	earlier := must("rev-parse", "HEAD")
	write(t, filepath.Join(root, "a", "file"), "later, and not committed")

	if err := revision.Fetch(t.Context(), root, earlier, filepath.Join(to, "source")); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(to, "source", "a", "file")); err != nil || string(text) != "earlier" {
		t.Errorf("%q, %v", text, err)
	}
	unknown := strings.Repeat("0", 40)
	if err := revision.Fetch(t.Context(), root, unknown, filepath.Join(to, "other")); err == nil || !strings.Contains(err.Error(), "git fetch --unshallow") {
		t.Errorf("a revision that a shallow clone lacks: %v", err)
	}
	if err := revision.Fetch(t.Context(), root, "--all", filepath.Join(to, "other")); err == nil {
		t.Error("a flag was taken for a revision")
	}
	if err := revision.Fetch(t.Context(), t.TempDir(), earlier, filepath.Join(to, "other")); err == nil || !strings.Contains(err.Error(), "does not have the revision") {
		t.Errorf("where nothing is of git: %v", err)
	}
	if trees := must("worktree", "list"); strings.Count(trees, "\n") > 0 {
		t.Errorf("the repository has other worktrees now: %s", trees)
	}
}

// A release that is raised to a commit that nobody has would be found by --long only.
func TestTheReleaseBeforeIsACommitOfThisHistory(t *testing.T) {
	t.Parallel()
	if shallow, err := git(t, ".", "rev-parse", "--is-shallow-repository"); err != nil || shallow != "false" {
		t.Skip("the history is not here: this is no clone, or a shallow one")
	}
	if out, err := git(t, ".", "merge-base", "--is-ancestor", revision.ReleaseBefore, "HEAD"); err != nil {
		t.Errorf("%s is not in the history of this commit: %v %s", revision.ReleaseBefore, err, out)
	}
}

// Who raises the release and does not take down what it writes would have the tests hold this release to an older one.
func TestWhatTheReleaseBeforeWroteIsOfThatRevision(t *testing.T) {
	t.Parallel()
	read := 0
	err := filepath.WalkDir(filepath.Join("..", "..", "..", "shared"), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Base(path) != "before.json" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var file struct{ Revision string }
		read++
		if err := json.Unmarshal(text, &file); err != nil || file.Revision != revision.ReleaseBefore {
			t.Errorf("%s is of the revision %q (%v), and the release before is %s", path, file.Revision, err, revision.ReleaseBefore)
		}
		return nil
	})
	if err != nil || read < 2 {
		t.Errorf("%d files were read, %v", read, err)
	}
}
