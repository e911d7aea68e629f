// Package binaries measures the functions' binaries: how large they are as they are shipped, and how soon they have started here.
//
// A start is timed from the process's beginning until it asks the runtime API for its first event, as Lambda counts an
// initialization. The API is a stub, and the binary is one for this machine; the size is that of the one for arm64.
package binaries

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"unsend/scripts/benchmark/quantile"
	"unsend/scripts/local/compile"
)

// Megabyte is as Lambda counts its limits.
const Megabyte = 1 << 20

// Targets: a function behind a route keeps somebody waiting when it starts.
const (
	RouteSize = 17 * Megabyte / 2
	OtherSize = 11 * Megabyte
	Init      = 25 * time.Millisecond
)

// routes are the functions behind the routes of the WebSocket API.
var routes = []string{"connect", "disconnect", "read", "revoke", "send", "session"}

// Binary is one function's.
type Binary struct {
	Function string        `json:"function"`
	Route    bool          `json:"route"`
	Bytes    int           `json:"arm64_bytes"`
	Fastest  time.Duration `json:"init_min_ns"`
	Median   time.Duration `json:"init_p50_ns"`
}

// Largest is the most that the binary may weigh.
func (b Binary) Largest() int {
	if b.Route {
		return RouteSize
	}
	return OtherSize
}

// Sizes compiles all functions as they are shipped, for arm64, into the folder.
func Sizes(ctx context.Context, root, folder string) ([]Binary, error) {
	if err := build(ctx, root, folder, "arm64"); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var list []Binary
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			return nil, err
		}
		list = append(list, Binary{Function: entry.Name(), Route: slices.Contains(routes, entry.Name()), Bytes: int(info.Size())})
	}
	return list, nil
}

// build compiles for a processor; "" is this machine's.
func build(ctx context.Context, root, folder, processor string) error {
	c := exec.CommandContext(ctx, "go", "build", "-o", folder+string(filepath.Separator), "./functions/...")
	c.Dir, c.Env = root, append(os.Environ(), compile.Shipped()...)
	if processor != "" {
		c.Env = append(c.Env, "GOOS=linux", "GOARCH="+processor)
	}
	if text, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("go build ./functions/...: %w\n%s", err, text)
	}
	return nil
}

// Inits compiles all functions for this machine into the folder, starts each so often, and completes the list.
func Inits(ctx context.Context, root, folder string, list []Binary, environment map[string]string, times int) error {
	if err := build(ctx, root, folder, ""); err != nil {
		return err
	}
	api, err := newRuntime()
	if err != nil {
		return err
	}
	defer api.close()
	for i := range list {
		var took []time.Duration
		for range times {
			d, err := api.start(ctx, filepath.Join(folder, list[i].Function), environment)
			if err != nil {
				return fmt.Errorf("start %s: %w", list[i].Function, err)
			}
			took = append(took, d)
		}
		list[i].Fastest, list[i].Median = slices.Min(took), quantile.Of(took, 50)
	}
	return nil
}

// runtime is as much of Lambda's runtime API as a start sees: it never has an event.
type runtime struct {
	server *http.Server
	host   string
	asked  chan time.Time
}

// startTimeout is Lambda's own for an initialization.
const startTimeout = 10 * time.Second

func newRuntime() (*runtime, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &runtime{host: listener.Addr().String(), asked: make(chan time.Time, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", func(_ http.ResponseWriter, request *http.Request) {
		r.asked <- time.Now()
		<-request.Context().Done() // until the process ends
	})
	r.server = &http.Server{Handler: mux, ReadHeaderTimeout: startTimeout}
	go func() { _ = r.server.Serve(listener) }() // until it is closed
	return r, nil
}

func (r *runtime) close() { _ = r.server.Close() }

// start starts a binary, and ends it when it has asked for an event.
func (r *runtime) start(ctx context.Context, path string, environment map[string]string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	var said strings.Builder
	c := exec.CommandContext(ctx, path)
	c.Stdout, c.Stderr = &said, &said
	c.Env = []string{"AWS_LAMBDA_RUNTIME_API=" + r.host}
	for name, value := range environment {
		c.Env = append(c.Env, name+"="+value)
	}
	began := time.Now()
	if err := c.Start(); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	select {
	case at := <-r.asked:
		cancel()
		<-ended
		return at.Sub(began), nil
	case err := <-ended:
		return 0, fmt.Errorf("it asked for no event in %v (%v): %s", startTimeout, err, said.String())
	}
}
