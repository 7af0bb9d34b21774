package clio

// #include "bridge.h"
import "C"

import (
	"context"
	"encoding/json"
	"net/http"
)

// Reply is what to send back to Clio, without a body.
type Reply struct {
	Status  int
	Headers http.Header
}

// HandleWebhook takes in what Clio posted below the webhook URL: the last segment of the path, all
// headers, and the raw body, as they came. It answers after one durable commit; a worker applies
// it. The reply may hold a secret: never log it.
func (s *SDK) HandleWebhook(token string, headers http.Header, body []byte) (Reply, error) {
	return s.HandleWebhookContext(context.Background(), token, headers, body)
}

// HandleWebhookContext is [SDK.HandleWebhook] until the context ends. Without a reply Clio delivers
// again, and what was committed is known then.
func (s *SDK) HandleWebhookContext(ctx context.Context, token string, headers http.Header, body []byte) (Reply, error) {
	if ctx.Err() != nil {
		return Reply{}, cancelled(ctx)
	}
	handle, done, failed := s.during(ctx)
	if failed != nil {
		return Reply{}, failed
	}
	defer done()
	var all []byte
	var lengths []C.size_t
	for name, values := range headers {
		for _, value := range values {
			all = append(append(all, name...), value...)
			lengths = append(lengths, C.size_t(len(name)), C.size_t(len(value)))
		}
	}
	lengths = append(lengths, 0)
	var out, failure *C.char
	status := C.casehug_clio_go_webhook(handle, data(token), C.size_t(len(token)), bytesOf(all), &lengths[0],
		C.size_t(len(lengths)/2), bytesOf(body), C.size_t(len(body)), &out, &failure)
	if status != C.CASEHUG_CLIO_OK {
		return Reply{}, ended(ctx, failure)
	}
	defer C.casehug_clio_free(out)
	var wire struct {
		Status  int `json:"status"`
		Headers []struct {
			Name  string `json:"name"`
			Value string `json:"value"`
		} `json:"headers"`
	}
	if err := json.Unmarshal([]byte(C.GoString(out)), &wire); err != nil {
		return Reply{}, err
	}
	reply := Reply{wire.Status, http.Header{}}
	for _, header := range wire.Headers {
		reply.Headers.Add(header.Name, header.Value)
	}
	return reply, nil
}
