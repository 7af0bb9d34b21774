// Sends a document of so many MiB, which is made as it is read, and prints how many KiB of memory
// that took at most.
//
// usage: large CLIO_URL MEBIBYTES DATABASE
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	clio "github.com/casehug/clio-sync/bindings/go"
)

type office struct{ length int64 }

func (o *office) Load(_ context.Context, _, matter string) ([]byte, error) {
	return json.Marshal(map[string]any{
		"matter": map[string]string{"id": matter, "title": "T"},
		"client": map[string]string{"id": "cli_1", "first_name": "A", "last_name": "B"},
		"documents": []map[string]string{{"id": "doc_1", "file_name": "a.bin", "content_type": "video/mp4",
			"status": "approved", "origin": "client_upload"}},
	})
}

func (o *office) Stat(context.Context, clio.Document) (clio.DocumentStat, error) {
	return clio.DocumentStat{Length: uint64(o.length), Revision: "v1", Status: "approved", Origin: "client_upload"}, nil
}

func (o *office) Open(_ context.Context, _ clio.Document, offset int64) (io.ReadCloser, error) {
	return io.NopCloser(io.LimitReader(zeroes{}, o.length-offset)), nil
}

type zeroes struct{}

func (zeroes) Read(into []byte) (int, error) { clear(into); return len(into), nil }

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// most is the most memory that this process had, in KiB.
func most() (kib int) {
	for _, line := range strings.Split(string(must(os.ReadFile("/proc/self/status"))), "\n") {
		_, _ = fmt.Sscanf(line, "VmHWM: %d", &kib)
	}
	return kib
}

func main() {
	ctx, office := context.Background(), &office{length: 1000}
	sdk := must(clio.Open(clio.Config{
		ClientID: "casehug-dev", ClientSecret: "casehug-dev-secret", Clio: os.Args[1], Database: os.Args[3], Intakes: office,
		SealingKey: "6f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d9248", SealingKeyID: "k1",
		RequestTimeout: 2 * time.Minute,
	}))
	firm := sdk.Firm(clio.Actor{User: "usr_1", Firm: "firm_1", Role: clio.Admin})
	start := must(firm.Connection().Begin(ctx, "http://127.0.0.1:9/callback"))
	browser := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	landed := must(must(browser.Get(start.AuthorizeURL)).Location())
	must(firm.Connection().Finish(ctx, landed.RawQuery))
	// A small one first: what any upload needs is not what a large one needs.
	must(firm.Matters().Sync(ctx, "mat_1"))
	before := most()
	office.length = int64(must(strconv.Atoi(os.Args[2]))) << 20
	if report := must(firm.Matters().Sync(ctx, "mat_2")); report.Status != clio.RunStatusSucceeded {
		panic(fmt.Sprintf("%+v", report))
	}
	out := bufio.NewWriter(os.Stdout)
	fmt.Fprintln(out, most()-before)
	_ = out.Flush()
	if err := sdk.Close(); err != nil {
		panic(err)
	}
}
