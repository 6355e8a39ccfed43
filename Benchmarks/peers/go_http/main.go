// Go's net/http: a goroutine a worker, all on one transport that keeps their connections.
//
//	go_http REQUESTS URL-TEMPLATE WORKERS
package main

import (
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
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: go_http REQUESTS URL-TEMPLATE WORKERS")
		os.Exit(2)
	}
	requests, err1 := strconv.ParseInt(os.Args[1], 10, 64)
	template := os.Args[2]
	workers, err2 := strconv.Atoi(os.Args[3])
	if err1 != nil || err2 != nil {
		fmt.Fprintln(os.Stderr, "go_http: REQUESTS and WORKERS must be numbers")
		os.Exit(2)
	}

	client := &http.Client{Transport: &http.Transport{
		MaxIdleConns:        0, // no limit over all hosts
		MaxIdleConnsPerHost: workers,
		MaxConnsPerHost:     workers,
	}}
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
