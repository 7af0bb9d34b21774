package clio

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// behindTLS puts a TLS server with a root of its own before another server; gives its URL and the
// root as PEM.
func behindTLS(t *testing.T, before string) (string, string) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	key := func() *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(err)
		return key
	}
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "an office"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: root.NotBefore, NotAfter: root.NotAfter,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	rootKey, leafKey := key(), key()
	rootDER, err := x509.CreateCertificate(rand.Reader, root, root, &rootKey.PublicKey, rootKey)
	must(err)
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, root, &leafKey.PublicKey, rootKey)
	must(err)
	to, err := url.Parse(before)
	must(err)
	server := httptest.NewUnstartedServer(httputil.NewSingleHostReverseProxy(to))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{leafDER}, PrivateKey: leafKey}}}
	// What is refused is no news.
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: rootDER}))
}

// tunnel is a proxy that wants a name and a password, and counts what it connects.
func tunnel(t *testing.T, user, password string) (string, *atomic.Int64) {
	t.Helper()
	var count atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		as := http.Request{Header: http.Header{"Authorization": request.Header["Proxy-Authorization"]}}
		if name, word, ok := as.BasicAuth(); !ok || name != user || word != password || request.Method != http.MethodConnect {
			answer.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		to, err := net.Dial("tcp", request.Host)
		if err != nil {
			answer.WriteHeader(http.StatusBadGateway)
			return
		}
		count.Add(1)
		answer.WriteHeader(http.StatusOK)
		from, _, err := answer.(http.Hijacker).Hijack()
		if err != nil {
			to.Close()
			return
		}
		go func() { _, _ = io.Copy(to, from); to.Close() }()
		go func() { _, _ = io.Copy(from, to); from.Close() }()
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://"), &count
}

func TestTheOfficesNetworkIsTheConfigurations(t *testing.T) {
	sim := simulate(t)
	secure, root := behindTLS(t, sim)
	proxy, connected := tunnel(t, "sync", "pass word")
	// The environment is not asked.
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:9")
	for _, one := range []struct {
		name, proxy, roots string
		code               Code
		tunnels            bool
	}{
		{"nobody knows the root", "", "", CodeTlsRefused, false},
		{"the root is known", "", root, "", false},
		{"by the proxy", "http://sync:pass%20word@" + proxy, root, "", true},
		{"by the proxy, whose root is unknown", "http://sync:pass%20word@" + proxy, "", CodeTlsRefused, true},
		{"the proxy refuses", "http://sync:wrong@" + proxy, root, CodeConnectFailed, false},
		{"no proxy is there", "http://127.0.0.1:9", root, CodeConnectFailed, false},
		{"no root", "", "-----BEGIN CERTIFICATE-----\n", CodeSettingInvalid, false},
		{"no proxy's URL", "127.0.0.1:9", root, CodeSettingInvalid, false},
	} {
		t.Run(one.name, func(t *testing.T) {
			connected.Store(0)
			config := config(t, secure)
			config.Proxy, config.RootCertificates = one.proxy, one.roots
			err := connects(t, config, sim)
			var failed *Error
			if one.code == "" && err != nil || one.code != "" && (!errors.As(err, &failed) || failed.Code != one.code) {
				t.Errorf("%v", err)
			}
			if err != nil && (strings.Contains(err.Error(), "word") || strings.Contains(fmt.Sprint(failed), "wrong")) {
				t.Errorf("a password is told: %v", err)
			}
			if (connected.Load() > 0) != one.tunnels {
				t.Errorf("%d connections by the proxy", connected.Load())
			}
		})
	}
}

// connects opens an SDK and connects the firm; a browser goes to Clio itself.
func connects(t *testing.T, config Config, browse string) error {
	sdk, err := Open(config)
	if err != nil {
		return err
	}
	defer sdk.Close()
	connection := sdk.Firm(admin).Connection()
	start, err := connection.Begin(context.Background(), "http://127.0.0.1:9/callback")
	if err != nil {
		return err
	}
	_, err = connection.Finish(context.Background(), consent(t, strings.Replace(start.AuthorizeURL, config.Clio, browse, 1)))
	return err
}

// Go's profiler interrupts every thread, those of the library too: what they wait for there ends
// early with EINTR.
func TestSyncsUnderACPUProfile(t *testing.T) {
	url := simulate(t)
	config := config(t, url)
	config.Intakes = &office{length: 16 << 20}
	sdk := connected(t, config)
	var profile bytes.Buffer
	if err := pprof.StartCPUProfile(&profile); err != nil {
		t.Fatal(err)
	}
	defer pprof.StopCPUProfile()
	if err := sdk.StartWorker(); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	defer close(over)
	// Signals come by the processor's time.
	go func() {
		for {
			select {
			case <-over:
				return
			default:
			}
		}
	}()
	for n := 0; n < 4; n++ {
		report, err := sdk.Firm(admin).Matters().Sync(context.Background(), fmt.Sprintf("mat_%d", n))
		if err != nil || report.Status != RunStatusSucceeded {
			t.Fatalf("%+v %v", report, err)
		}
	}
	pprof.StopCPUProfile()
	if profile.Len() == 0 {
		t.Fatal("nothing was measured")
	}
	if state := holds(t, url); len(state.Contacts) != 1 || len(state.Matters) != 4 || len(state.Documents) != 4 {
		t.Fatalf("%+v", state)
	}
}
