// The README's quickstart: connects a firm to Clio, then syncs one approved intake.
//
// usage: quickstart CLIO_URL INTAKE_DIR MATTER_ID DATABASE
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	clio "github.com/casehug/clio-sync/bindings/go"
)

func main() {
	ctx := context.Background()
	sdk, err := clio.Open(clio.Config{
		// Yours: from Clio's developer portal.
		ClientID: "casehug-dev", ClientSecret: "casehug-dev-secret",
		// In production: "us", "eu", "ca" or "au".
		Clio: os.Args[1],
		// Yours: implement clio.Intakes over your own storage.
		IntakeFolder: os.Args[2],
		// Or postgres://USER@HOST/DATABASE, or implement clio.Store.
		Database: os.Args[4],
		// Yours: from a KMS.
		SealingKeyID: "2026-11",
		SealingKey:   "6f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d9248",
	})
	if err != nil {
		log.Fatal(err)
	}
	defer sdk.Close()

	// Connect, once per firm: an admin's browser goes to Clio and comes back to your redirect URI
	// with a query string.
	firm := sdk.Firm(clio.Actor{User: "usr_1", Firm: "firm_1", Role: clio.Admin})
	if known, err := firm.Connection().Get(ctx); err == nil && known == nil {
		start, err := firm.Connection().Begin(ctx, "http://127.0.0.1:9/callback")
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("Open this page, allow access, and paste the address that you land on:")
		fmt.Println(start.AuthorizeURL)
		landed, _ := bufio.NewReader(os.Stdin).ReadString('\n')
		_, query, _ := strings.Cut(strings.TrimSpace(landed), "?")
		if _, err := firm.Connection().Finish(ctx, query); err != nil {
			log.Fatal(err)
		}
	}

	// Sync. Do it again whenever you like: only what is missing is sent.
	report, err := firm.Matters().Sync(ctx, os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	for _, step := range report.Steps {
		fmt.Println(step.Step, step.ID, step.Outcome)
	}
	fmt.Printf("%s: %d calls\n", report.Status, report.Calls)
}
