package clio

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"testing"
)

// tool is a program of the repository that a test needs: `cargo xtask test go` names where it is.
func tool(t *testing.T, name string) string {
	t.Helper()
	path := os.Getenv(name)
	if path == "" {
		t.Fatalf("%s is not set: run `cargo xtask test go`", name)
	}
	return path
}

// simulate starts a simulated Clio; gives its URL.
func simulate(t *testing.T) string {
	t.Helper()
	sim := exec.Command(tool(t, "CLIO_SIM"), "--auto-consent", "--exit-with-stdin")
	stdin, err := sim.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := sim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := sim.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stdin.Close(); _ = sim.Wait() })
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var started struct{ URL string }
	if err := json.Unmarshal(line, &started); err != nil {
		t.Fatal(err)
	}
	return started.URL
}

// holds is what the simulated Clio holds.
func holds(t *testing.T, url string) (state struct {
	Contacts, Matters []map[string]any
	Documents         []struct {
		Size     int64
		Complete bool
	}
}) {
	t.Helper()
	answer, err := http.Get(url + "/__sim/state")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&state); err != nil {
		t.Fatal(err)
	}
	return state
}

// consent allows access as a person in a browser does; gives the query that it comes back with.
func consent(t *testing.T, url string) string {
	t.Helper()
	browser := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := browser.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	location, err := answer.Location()
	if err != nil {
		t.Fatal(err)
	}
	return location.RawQuery
}
