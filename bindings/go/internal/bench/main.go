// For `cargo xtask bench bindings`: each line of the input is answered with the nanoseconds that it
// took: `empty COUNT`, `text COUNT`, `sync MATTER`. Its context can be cancelled, as a server's
// can. `bare-empty` and `bare-text` are the least that Go adds to a C function: a call through cgo,
// and encoding/json of the same arguments and results.
//
// usage: bench CLIO_URL INTAKE_DIR DATABASE USER QUERY
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	clio "github.com/casehug/clio-sync/bindings/go"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	sdk := must(clio.Open(clio.Config{
		ClientID: "casehug-dev", ClientSecret: "casehug-dev-secret", Clio: os.Args[1], IntakeFolder: os.Args[2], Database: os.Args[3],
		SealingKey: "6f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d9248", SealingKeyID: "k1",
		LateExecutionWindow: 2 * time.Second, IndexDelay: 2 * time.Second,
	}))
	firm := sdk.Firm(clio.Actor{User: os.Args[4], Firm: "firm_1", Role: clio.Admin})
	start := must(firm.Connection().Begin(ctx, "http://127.0.0.1:9/callback"))
	browser := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	landed := must(must(browser.Get(start.AuthorizeURL)).Location())
	must(firm.Connection().Finish(ctx, landed.RawQuery))
	var query clio.AuditQuery
	if err := json.Unmarshal([]byte(os.Args[5]), &query); err != nil {
		panic(err)
	}
	page := must(sdk.Call(ctx, clio.Actor{User: os.Args[4], Firm: "firm_1", Role: clio.Admin}, "list_audit",
		must(json.Marshal(map[string]any{"query": query}))))
	bare := func(arguments map[string]any, result []byte, into any) {
		must(json.Marshal(arguments))
		if err := json.Unmarshal(result, into); clio.Version() == "" || err != nil {
			panic(err)
		}
	}
	const refused = `{"code":"request_invalid","number":6001,"kind":"host","retry":"never","message":"A request cannot be read.",` +
		`"context":{"reason":"unknown_operation"},"path":"operation"}`
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		what, of, _ := strings.Cut(lines.Text(), " ")
		began := time.Now()
		switch what {
		case "empty":
			for range make([]struct{}, must(strconv.Atoi(of))) {
				var failed *clio.Error
				if _, err := sdk.CallHost(ctx, "", json.RawMessage("{}")); !errors.As(err, &failed) || failed.Code != clio.CodeRequestInvalid {
					panic(err)
				}
			}
		case "bare-empty":
			for range make([]struct{}, must(strconv.Atoi(of))) {
				bare(map[string]any{}, []byte(refused), new(clio.Error))
			}
		case "bare-text":
			for range make([]struct{}, must(strconv.Atoi(of))) {
				bare(map[string]any{"query": query}, page, new(clio.AuditRecordPage))
			}
		case "text":
			for range make([]struct{}, must(strconv.Atoi(of))) {
				if page := must(firm.Audit().List(ctx, query)); len(page.Items) != 1 {
					panic(page)
				}
			}
		default:
			if report := must(firm.Matters().Sync(ctx, of)); report.Status != clio.RunStatusSucceeded {
				panic(report)
			}
		}
		fmt.Println(time.Since(began).Nanoseconds())
	}
}
