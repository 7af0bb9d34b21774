package clio

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
)

func TestNothingPrintsSecretsOrDataOfPeople(t *testing.T) {
	const secret = "Ada Secret"
	for _, one := range []struct {
		value any
		shown string
	}{
		{Config{ClientID: "app", ClientSecret: secret, Database: secret, SealingKey: secret, Proxy: secret}, "app"},
		{Config{ClientID: "app", EarlierSealingKeys: map[string]string{"k0": secret}}, "app"},
		{Reply{Status: 299, Headers: http.Header{"X-Hook-Secret": {secret}}}, "299"},
		{ClioAccount{ID: "299", Name: secret}, "299"},
		{ClioUser{ID: "299", Name: secret, Email: secret}, "299"},
		{ConnectStart{AuthorizeURL: secret}, "ExpiresAt"},
		{ConnectionHealth{Region: "eu", Account: pointer(ClioID("299")), AccountName: pointer(secret), UserEmail: pointer(secret)}, "299"},
		{ConnectionInfo{Account: &ClioAccount{ID: "299", Name: secret}, User: &ClioUser{Name: secret}}, "299"},
		{Health{Connection: &ConnectionHealth{Region: "eu", UserEmail: pointer(secret)}, DueJobs: 299}, "299"},
		{ProposedContact{
			ID: "p_299", FirstName: secret, LastName: secret, Emails: []string{secret}, Phones: []string{secret},
		}, "p_299"},
		{SeenMapping{CaseType: secret, ID: pointer(ClioID("299"))}, "299"},
		{MappingPage{Seen: []SeenMapping{{CaseType: secret, ID: pointer(ClioID("299"))}}}, "299"},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			for _, holder := range []any{one.value, []any{one.value}, struct{ In any }{one.value}} {
				printed := fmt.Sprintf(verb, holder)
				if strings.Contains(printed, secret) || strings.Contains(printed, fmt.Sprintf("%x", secret)) {
					t.Errorf("%s: %s", verb, printed)
				}
			}
		}
		if printed := fmt.Sprintf("%+v", one.value); !strings.Contains(printed, one.shown) {
			t.Errorf("%s is not in %s", one.shown, printed)
		}
		var told bytes.Buffer
		slog.New(slog.NewTextHandler(&told, nil)).Info("it", "value", one.value)
		slog.New(slog.NewJSONHandler(&told, nil)).Info("it", "value", one.value)
		if strings.Contains(told.String(), secret) {
			t.Errorf("%s", told.String())
		}
	}
}

func pointer[T any](value T) *T { return &value }
