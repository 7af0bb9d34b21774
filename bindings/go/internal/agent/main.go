// The agent of Go (tests/golden/README.md): opens the SDK as the environment says, then does what
// the lines of its standard input say.
package main

import (
	"bufio"
	"context"
	"encoding/hex"
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

func seconds(name string) time.Duration {
	count, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		panic(err)
	}
	return time.Duration(count) * time.Second
}

func say(result any, err error) {
	var failed *clio.Error
	switch {
	case errors.As(err, &failed):
		told, _ := json.Marshal(map[string]any{
			"code": failed.Code, "number": failed.Number, "kind": failed.Kind, "retry": failed.Retry,
			"message": failed.Message, "context": failed.Context, "path": failed.Path,
		})
		fmt.Printf("%d\t%s\n", failed.Number, told)
	case err != nil:
		panic(err)
	default:
		told, err := json.Marshal(result)
		if err != nil {
			panic(err)
		}
		fmt.Printf("1\t%s\n", told)
	}
}

func unhex(digits string) string {
	text, err := hex.DecodeString(digits)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func call(sdk *clio.SDK, fields []string) {
	// With a context that could be cancelled: through a ticket.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	who := strings.Split(fields[2], " ")
	if len(who) != 3 {
		say(sdk.CallHost(ctx, fields[1], json.RawMessage(fields[3])))
		return
	}
	actor := clio.Actor{User: who[0], Firm: who[1], Role: clio.Member}
	if who[2] == "admin" {
		actor.Role = clio.Admin
	}
	say(sdk.Call(ctx, actor, fields[1], json.RawMessage(fields[3])))
}

func webhook(sdk *clio.SDK, fields []string) {
	headers := http.Header{}
	for at := 3; at+1 < len(fields); at += 2 {
		headers.Add(unhex(fields[at]), unhex(fields[at+1]))
	}
	reply, err := sdk.HandleWebhook(unhex(fields[1]), headers, []byte(unhex(fields[2])))
	list := []map[string]string{}
	for name, values := range reply.Headers {
		for _, value := range values {
			list = append(list, map[string]string{"name": name, "value": value})
		}
	}
	say(map[string]any{"status": reply.Status, "headers": list}, err)
}

func main() {
	earlier := map[string]string{}
	if id := os.Getenv("GOLDEN_EARLIER_SEALING_KEY_ID"); id != "" {
		earlier[id] = os.Getenv("GOLDEN_EARLIER_SEALING_KEY")
	}
	sdk, err := clio.Open(clio.Config{
		ClientID: os.Getenv("GOLDEN_CLIENT_ID"), ClientSecret: os.Getenv("GOLDEN_CLIENT_SECRET"), Clio: os.Getenv("GOLDEN_CLIO_URL"),
		Database: os.Getenv("GOLDEN_STORE"), IntakeFolder: os.Getenv("GOLDEN_INTAKES"),
		SealingKey: os.Getenv("GOLDEN_SEALING_KEY"), SealingKeyID: os.Getenv("GOLDEN_SEALING_KEY_ID"), EarlierSealingKeys: earlier, WebhookURL: os.Getenv("GOLDEN_WEBHOOK_URL"),
		LateExecutionWindow: seconds("GOLDEN_LATE_EXECUTION_WINDOW_SECONDS"), IndexDelay: seconds("GOLDEN_INDEX_DELAY_SECONDS"),
		RequestTimeout: seconds("GOLDEN_REQUEST_TIMEOUT_SECONDS"),
	})
	say(struct{}{}, err)
	if err != nil {
		return
	}
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		switch fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); fields[0] {
		case "call":
			call(sdk, fields)
		case "webhook":
			webhook(sdk, fields)
		case "worker":
			turn := map[string]func() error{"start": sdk.StartWorker, "stop": sdk.StopWorker}[fields[1]]
			say(struct{}{}, turn())
		default:
			say(struct{}{}, sdk.Close())
			return
		}
	}
}
