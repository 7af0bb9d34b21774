// Forks, by C, again and again while the SDK works, and ends well if each child was answered
// "after_fork" and this process goes on.
//
// usage: fork DATABASE INTAKE_DIR
package main

/*
#cgo CFLAGS: -I${SRCDIR}/../..
#cgo linux,amd64 LDFLAGS: ${SRCDIR}/../../libcasehug_clio_linux_amd64.a -lm
#include "casehug_clio.h"
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

// How the child ended: 0, or the number of what was wrong.
static int in_a_child(casehug_clio_sdk *sdk) {
    pid_t child = fork();
    if (child < 0) return 100;
    if (child == 0) {
        char *error = NULL;
        alarm(20);
        if (casehug_clio_next_events(sdk, NULL, 1, 0, NULL, &error) != CASEHUG_CLIO_SETTING_INVALID) _exit(1);
        if (error == NULL || strstr(error, "after_fork") == NULL) _exit(2);
        casehug_clio_free(error);
        if (casehug_clio_ticket_new(sdk, &(casehug_clio_sdk *){ NULL }, NULL) != CASEHUG_CLIO_SETTING_INVALID) _exit(3);
        _exit(casehug_clio_close(sdk, NULL) == CASEHUG_CLIO_OK ? 4 : 0);
    }
    int how = 0;
    while (waitpid(child, &how, 0) != child) continue;
    return WIFEXITED(how) ? WEXITSTATUS(how) : 101;
}
*/
import "C"

import (
	"context"
	"fmt"
	"log"
	"os"
	"reflect"
	"sync"
	"time"

	clio "github.com/casehug/clio-sync/bindings/go"
)

const forks = 50

func main() {
	sdk, err := clio.Open(clio.Config{
		ClientID: "casehug-dev", ClientSecret: "casehug-dev-secret", Clio: "http://127.0.0.1:9",
		Database: os.Args[1], IntakeFolder: os.Args[2],
		SealingKeyID: "k1", SealingKey: "6f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d9248",
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	firm := sdk.Firm(clio.Actor{User: "usr_1", Firm: "firm_1", Role: clio.Admin})
	over := make(chan struct{})
	var busy sync.WaitGroup
	for range [4]struct{}{} {
		busy.Add(1)
		go func() {
			defer busy.Done()
			for {
				if _, err := firm.Settings().Get(ctx); err != nil {
					log.Fatal(err)
				}
				select {
				case <-over:
					return
				default:
				}
			}
		}()
	}
	// The package hides it: only C code that was given an SDK of its own can fork with one.
	handle := (*C.casehug_clio_sdk)(reflect.ValueOf(sdk).Elem().FieldByName("handle").UnsafePointer())
	for n := range [forks]struct{}{} {
		if how := C.in_a_child(handle); how != 0 {
			log.Fatalf("child %d: %d", n, how)
		}
	}
	close(over)
	busy.Wait()
	if _, err := firm.Settings().Get(ctx); err != nil {
		log.Fatal(err)
	}
	if err := sdk.Close(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(forks, "children, and the parent goes on")
}
