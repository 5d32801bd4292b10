// Logs in with each login of a JSON list on standard input, produces a record and reads it; prints a JSON object with
// the outcome of each by name.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

const patience = 60 * time.Second
const toFail = 3 * time.Second

type login struct {
	Name, Address, Protocol, Mechanism, User, Password, Token, Topic, Authority, Certificate string
}

func (l login) usesTLS() bool { return l.Protocol == "SSL" || l.Protocol == "SASL_SSL" }

func (l login) tls() (*tls.Config, error) {
	authority, err := os.ReadFile(l.Authority)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	config := &tls.Config{RootCAs: pool}
	if l.Certificate != "" {
		certificate, err := tls.LoadX509KeyPair(l.Certificate, l.Certificate)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	return config, nil
}

// causes are the sentences of an error and of what it wraps that is no list.
func causes(err error) string {
	text := err.Error()
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(inner) {
		text += fmt.Sprintf("; %T", inner)
	}
	return text
}

func main() {
	var logins []login
	if err := json.NewDecoder(os.Stdin).Decode(&logins); err != nil {
		panic(err)
	}
	outcomes := map[string]string{}
	var mutex sync.Mutex
	var group sync.WaitGroup
	places := make(chan struct{}, 6)
	for _, each := range logins {
		group.Add(1)
		go func() {
			defer group.Done()
			places <- struct{}{}
			defer func() { <-places }()
			outcome := "works"
			if err := attempt(each); err != nil {
				outcome = causes(err)
			}
			mutex.Lock()
			defer mutex.Unlock()
			outcomes[each.Name] = outcome
		}()
	}
	group.Wait()
	if err := json.NewEncoder(os.Stdout).Encode(outcomes); err != nil {
		panic(err)
	}
}
