package adclicks

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"testing"
)

// Kafkalite is a broker for one test: a process that keeps all data in memory and ends with the test.
type Kafkalite struct {
	Bootstrap string
	controls  string
	t         *testing.T
}

// Body is a JSON request body.
type Body map[string]any

// Seen is a response of the controls: a group, records, or a fault.
type Seen struct {
	Owners    map[string]string
	Committed map[string]struct{ Offset, Lag int64 }
	Records   []struct{ Value string }
	Fired     []struct{ API string }
	Error     string
}

var addresses = regexp.MustCompile(`(?s)is listening on (\S+),.*Controls are at (\S+)`)

func startKafkalite(t *testing.T) *Kafkalite {
	t.Helper()
	program, ok := os.LookupEnv("KAFKALITE")
	if !ok {
		program = "kafkalite"
	}
	process := exec.Command(program, "serve", "--quiet", "--in-memory", "--listen", "127.0.0.1:0", "--controls", "127.0.0.1:0")
	process.Stderr = os.Stderr
	out, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		process.Process.Signal(syscall.SIGTERM)
		process.Wait()
	})
	said := ""
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said += lines.Text() + "\n"
		if found := addresses.FindStringSubmatch(said); found != nil {
			return &Kafkalite{Bootstrap: found[1], controls: found[2], t: t}
		}
	}
	t.Fatalf("kafkalite did not start: %s", said)
	return nil
}

// Get requests a resource, such as /groups/billing.
func (k *Kafkalite) Get(path string) Seen {
	k.t.Helper()
	return k.seen(http.Get(k.controls + path))
}

// Post runs an action, such as /groups/billing/fence, or waits, such as /await/stable.
func (k *Kafkalite) Post(path string, body Body) Seen {
	k.t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		k.t.Fatal(err)
	}
	return k.seen(http.Post(k.controls+path, "application/json", bytes.NewReader(data)))
}

func (k *Kafkalite) seen(answer *http.Response, err error) Seen {
	k.t.Helper()
	if err != nil {
		k.t.Fatal(err)
	}
	defer answer.Body.Close()
	var seen Seen
	if err := json.NewDecoder(answer.Body).Decode(&seen); err != nil {
		k.t.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK {
		k.t.Fatalf("%s: %s", answer.Request.URL.Path, seen.Error)
	}
	return seen
}
