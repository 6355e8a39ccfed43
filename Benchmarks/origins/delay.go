// An origin that sleeps 0, 1, 2 or 3 s before each answer, 1.5 s on average, and counts.
//
//	delay        listens on a free loopback port and prints "listening on 127.0.0.1:PORT"
//
//	/…/ID        "Hello, World!" after the sleep of this ID: the same for every client and run
//	/_/started   {"started":N,"full_s":T,"last_s":T}: requests started since the last reset, and
//	             when the one that made all workers busy and the latest of them started, in
//	             seconds on the origin's clock
//	/_/reset/N   sets the count to 0; from the Nth request on, all of N workers are busy
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

var (
	origin  = time.Now()
	started atomic.Int64
	workers atomic.Int64
	full    atomic.Int64 // time.Duration since origin
	last    atomic.Int64 // time.Duration since origin
)

// delay draws one of 0, 1, 2, 3 s, evenly, from the ID by the mixing steps of SplitMix64, so that
// two clients that fetch the same IDs are made to wait the same. harness/origin.py has it too.
func delay(id uint64) time.Duration {
	id += 0x9e3779b97f4a7c15
	id = (id ^ (id >> 30)) * 0xbf58476d1ce4e5b9
	id = (id ^ (id >> 27)) * 0x94d049bb133111eb
	return time.Duration((id^(id>>31))%4) * time.Second
}

// number is what the path ends with.
func number(r *http.Request) (uint64, error) {
	return strconv.ParseUint(r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:], 10, 64)
}

func answer(w http.ResponseWriter, r *http.Request) {
	now := int64(time.Since(origin))
	if started.Add(1) == workers.Load() {
		full.Store(now)
	}
	last.Store(now)
	id, err := number(r)
	if err != nil {
		http.Error(w, "the path must end with an ID", http.StatusNotFound)
		return
	}
	time.Sleep(delay(id))
	w.Write([]byte("Hello, World!"))
}

func main() {
	http.HandleFunc("/", answer)
	http.HandleFunc("/_/started", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "{\"started\":%d,\"full_s\":%.6f,\"last_s\":%.6f}\n", started.Load(),
			time.Duration(full.Load()).Seconds(), time.Duration(last.Load()).Seconds())
	})
	http.HandleFunc("/_/reset/", func(w http.ResponseWriter, r *http.Request) {
		count, err := number(r)
		if err != nil {
			http.Error(w, "the path must end with a number of workers", http.StatusNotFound)
			return
		}
		workers.Store(int64(count))
		started.Store(0)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", listener.Addr())
	log.Fatal(http.Serve(listener, nil))
}
