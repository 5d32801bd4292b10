package adclicks

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"testing"
)

// Kafkalite is a broker of the test's own: a process that keeps everything in memory and ends with the test.
type Kafkalite struct {
	Bootstrap string
	controls  string
	t         *testing.T
}

// Body is what is sent as JSON.
type Body map[string]any

// Group is a group as the broker shows it.
type Group struct {
	Owners    map[string]string
	Committed map[string]struct{ Offset, Lag int64 }
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

// Post does something, such as /groups/billing/fence, or waits for it, such as /await/stable.
func (k *Kafkalite) Post(path string, body Body) Group {
	k.t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		k.t.Fatal(err)
	}
	answer, err := http.Post(k.controls+path, "application/json", bytes.NewReader(data))
	if err != nil {
		k.t.Fatal(err)
	}
	defer answer.Body.Close()
	var seen struct {
		Group
		Error string
	}
	if err := json.NewDecoder(answer.Body).Decode(&seen); err != nil {
		k.t.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK {
		k.t.Fatal(fmt.Sprintf("%s: %s", path, seen.Error))
	}
	return seen.Group
}
