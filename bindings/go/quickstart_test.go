package clio

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheReadmesQuickstartSyncsOnce(t *testing.T) {
	program, err := os.ReadFile("quickstart/main.go")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(string(program), "\npackage main")
	if !strings.Contains(string(readme), "```go\npackage main"+code+"```") {
		t.Fatal("copy quickstart/main.go into the README")
	}
	binary := filepath.Join(t.TempDir(), "quickstart")
	if told, err := exec.Command("go", "build", "-o", binary, "./quickstart").CombinedOutput(); err != nil {
		t.Fatalf("%s", told)
	}
	url, database := simulate(t), filepath.Join(t.TempDir(), "quickstart.db")
	for _, calls := range []string{"7 calls", "0 calls"} {
		run := exec.Command(binary, url, tool(t, "INTAKES"), "mat_0001", database)
		stdin, _ := run.StdinPipe()
		stdout, _ := run.StdoutPipe()
		if err := run.Start(); err != nil {
			t.Fatal(err)
		}
		said, lines := "", bufio.NewScanner(stdout)
		for lines.Scan() {
			said += lines.Text() + "\n"
			if strings.HasPrefix(lines.Text(), "http") {
				fmt.Fprintf(stdin, "http://127.0.0.1:9/callback?%s\n", consent(t, lines.Text()))
			}
		}
		if err := run.Wait(); err != nil || !strings.Contains(said, "succeeded: "+calls) {
			t.Fatalf("%v: %s", err, said)
		}
	}
}
