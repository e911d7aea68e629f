package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"unsend/scripts/local/stack"
)

const (
	localRegion = "us-east-1" // the SAM CLI and the stack want one; it means nothing here

	startTimeout = 60 * time.Second
	stopTimeout  = 10 * time.Second
)

// stackServer is a running local stack: MiniStack, and below it the functions'
// processes, all in one process group that ends with it.
type stackServer struct {
	endpoint string
	pid      int
	logPath  string
	ended    chan struct{} // closed when the process is gone
}

// startServer starts the stack on a free port of the loopback address and waits
// until it answers. The page of that origin may talk to it; empty: no page may.
func startServer(ctx context.Context, root string, dir runDir, origin string) (*stackServer, error) {
	const tries = 3 // somebody may take the port between finding and using it
	var err error
	for range tries {
		var s *stackServer
		if s, err = tryServer(ctx, root, dir, origin); err == nil || ctx.Err() != nil {
			return s, err
		}
	}
	return nil, err
}

func tryServer(ctx context.Context, root string, dir runDir, origin string) (*stackServer, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &stackServer{
		endpoint: fmt.Sprintf("http://127.0.0.1:%d", port),
		logPath:  dir.log("stack"),
		ended:    make(chan struct{}),
	}
	if err := s.launch(root, dir, port, origin); err != nil {
		return nil, err
	}
	if err := s.waitHealthy(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *stackServer) launch(root string, dir runDir, port int, origin string) error {
	log, err := os.Create(s.logPath)
	if err != nil {
		return fmt.Errorf("keep the stack's output: %w", err)
	}
	cmd := exec.Command(executable(filepath.Join(root, ".venv", "stack"), "python"), filepath.Join(root, "requirements", "launch_stack.py"))
	cmd.Dir = dir.file("tmp")
	cmd.Env = environment(
		"AUTH=true", // roles are enforced and signatures checked
		"BIND_HOST=127.0.0.1",
		fmt.Sprintf("GATEWAY_PORT=%d", port),
		"AWS_ENDPOINT_URL="+s.endpoint, // what the functions get
		"AWS_DEFAULT_REGION="+localRegion,
		"UNSEND_STACK_ORIGINS="+origin,
		"IOT_MTLS_ENABLED=false", "SFTP_ENABLED=false", // more open ports
		"TMPDIR="+dir.file("tmp"),
		"PYTHONUNBUFFERED=1",
	)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = ownGroup()
	started := make(chan error, 1)
	go s.own(cmd, log, started)
	return <-started
}

// own starts the process and waits for its end. It keeps its thread: Linux ends
// the process with the thread that started it.
func (s *stackServer) own(cmd *exec.Cmd, log *os.File, started chan<- error) {
	runtime.LockOSThread()
	defer close(s.ended)
	defer func() { _ = log.Close() }()
	if err := cmd.Start(); err != nil {
		started <- fmt.Errorf("start the local stack: %w", err)
		return
	}
	s.pid = cmd.Process.Pid
	started <- nil
	_ = cmd.Wait() // how it ended is in its log
}

func (s *stackServer) waitHealthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("it did not answer within %v", startTimeout))
	defer cancel()
	for {
		if healthy(ctx, s.endpoint) {
			return nil
		}
		select {
		case <-s.ended:
			return s.failure(errors.New("it ended at once"))
		case <-ctx.Done():
			return s.failure(context.Cause(ctx))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s *stackServer) failure(err error) error {
	log, _ := os.ReadFile(s.logPath)
	return &commandError{what: "local stack", err: err, tail: lastLines(string(log), 25), log: s.logPath, advice: advise(string(log))}
}

// healthy tells whether a local stack answers at the endpoint.
func healthy(ctx context.Context, endpoint string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+"/_ministack/health", nil)
	if err != nil {
		return false
	}
	client := http.Client{Timeout: 2 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// Stop ends the stack and everything below it, and makes sure of it.
func (s *stackServer) Stop() error {
	_ = syscall.Kill(s.pid, syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(stopTimeout):
	}
	// Functions of the stack that it did not end itself.
	_ = syscall.Kill(-s.pid, syscall.SIGKILL)
	deadline := time.Now().Add(stopTimeout)
	for syscall.Kill(-s.pid, 0) == nil {
		if time.Now().After(deadline) {
			return fmt.Errorf("processes of the local stack are still there: end process group %d (kill -9 -%d)", s.pid, s.pid)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil
}

// stackLog is where the stack of that process writes its log, whoever started
// it; empty where it cannot be told.
func stackLog(pid int) string {
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/1", pid))
	if err != nil {
		return ""
	}
	return path
}

// refusals are the lines, after an offset of the stack's log, in which it says
// why it refused resources.
func refusals(logPath string, offset int64) string {
	f, err := os.Open(logPath)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	if _, err := f.Seek(offset, 0); err != nil {
		return ""
	}
	var found []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if _, reason, ok := strings.Cut(lines.Text(), "ERROR [cloudformation] "); ok {
			found = append(found, reason)
		}
	}
	return lastLines(strings.Join(found, "\n"), 5)
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port on 127.0.0.1: %w", err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// localEnvironment makes the tools talk to the local stack and to nothing else.
func localEnvironment(endpoint string, dir runDir) []string {
	return environment(
		"AWS_ENDPOINT_URL="+endpoint,
		"AWS_ACCESS_KEY_ID="+stack.LocalAccessKey,
		"AWS_SECRET_ACCESS_KEY="+stack.LocalSecretKey,
		"AWS_DEFAULT_REGION="+localRegion,
		"AWS_REGION="+localRegion,
		"AWS_CONFIG_FILE="+os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE="+os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true",
		"NO_PROXY=127.0.0.1,localhost", "no_proxy=127.0.0.1,localhost",
		"SAM_CLI_TELEMETRY=0",
		"SAM_CLI_POLL_DELAY=0.3", // seconds; the default of 5 waits for a real CloudFormation
		"__SAM_CLI_APP_DIR="+dir.file("sam"),
	)
}
