// Go's net/http: a goroutine a worker, all on one transport that keeps their connections.
//
//	go_http REQUESTS URL-TEMPLATE WORKERS [http=2] [cacert=FILE]
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: go_http REQUESTS URL-TEMPLATE WORKERS [http=2] [cacert=FILE]")
		os.Exit(2)
	}
	requests, err1 := strconv.ParseInt(os.Args[1], 10, 64)
	template := os.Args[2]
	workers, err2 := strconv.Atoi(os.Args[3])
	if err1 != nil || err2 != nil {
		fmt.Fprintln(os.Stderr, "go_http: REQUESTS and WORKERS must be numbers")
		os.Exit(2)
	}
	transport := &http.Transport{
		MaxIdleConns:        0, // no limit over all hosts
		MaxIdleConnsPerHost: workers,
		MaxConnsPerHost:     workers,
	}
	if err := setUp(transport, os.Args[4:]); err != nil {
		fmt.Fprintln(os.Stderr, "go_http:", err)
		os.Exit(2)
	}

	client := &http.Client{Transport: transport}
	var next, bad atomic.Int64
	var group sync.WaitGroup
	for k := 0; k < workers; k++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for {
				id := next.Add(1) - 1
				if id >= requests {
					return
				}
				url := strings.Replace(template, "{}", strconv.FormatInt(id, 10), 1)
				if !fetch(client, url) {
					bad.Add(1)
				}
			}
		}()
	}
	group.Wait()
	if bad.Load() > 0 {
		fmt.Fprintln(os.Stderr, bad.Load(), "bad answers")
		os.Exit(1)
	}
}

// setUp applies the options. A transport with TLS settings of its own speaks HTTP/1.1 unless told.
func setUp(transport *http.Transport, options []string) error {
	for _, option := range options {
		name, value, _ := strings.Cut(option, "=")
		switch name {
		case "http":
			transport.ForceAttemptHTTP2 = value == "2"
		case "cacert":
			pem, err := os.ReadFile(value)
			if err != nil {
				return err
			}
			roots := x509.NewCertPool()
			if !roots.AppendCertsFromPEM(pem) {
				return fmt.Errorf("no certificates in %s", value)
			}
			transport.TLSClientConfig = &tls.Config{
				RootCAs: roots,
				// Without one, sessions are not resumed.
				ClientSessionCache: tls.NewLRUClientSessionCache(0),
			}
		default:
			return fmt.Errorf("there is no option %s", option)
		}
	}
	return nil
}

// fetch reads the answer to its end, so that its connection can be used again, and tells whether it
// was whole and 200.
func fetch(client *http.Client, url string) bool {
	response, err := client.Get(url)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err == nil && response.StatusCode == http.StatusOK
}
