// The floor: bare C over libcurl with its best settings, and nothing else. No queue, no retries, no
// records: what any client on libcurl must spend.
//
//     floor REQUESTS URL-TEMPLATE WORKERS [NAME=VALUE …]      see `usage` below
//
// LOOPS threads, each with one epoll(7) over several multi handles, its shards. Many small multi
// handles are cheaper than a large one, since libcurl's work grows with the transfers in a handle.
// What HTTPS needs is in floor_tls.c.
#include "floor.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { LOOPS = 2, MAX_SHARDS = 1024, MAX_FD = 65536, MAX_EVENTS = 1024 };

struct loop;

// A multi handle and the timeout it asked for.
struct shard {
    CURLM *multi;
    struct loop *loop;
    long timeout_ms; // -1: none
};

struct loop {
    pthread_t thread;
    int epoll_fd;
    struct shard shards[MAX_SHARDS];
    struct share *shares[MAX_SHARDS];
    long workers;
    long started; // workers that have begun
    long cold;    // of these, without an answer yet
    long active;  // transfers in flight
};

// What is known of a worker and, where the guard is on, of the response it is getting.
struct worker {
    bool is_warm;      // has had an answer, so a connection
    bool after_status; // the last header line was a status line
    size_t body_bytes;
};

struct options options = {.buffer = 2048, .shards = 16, .http = 1, .sessions = 1, .copies = 1};

static long requests;
static const char *prefix; // the template before "{}"
static const char *suffix; // and after
static bool is_https;

static atomic_long next_id;
static atomic_long bad_answers;
static _Atomic CURLcode some_failure;

// By descriptor. A descriptor belongs to one loop at a time, so these need no lock.
static struct shard *owner[MAX_FD];
static unsigned char registered[MAX_FD]; // the events epoll watches for, 0 if none
static unsigned char wanted[MAX_FD];     // whether libcurl wants to hear of it

static size_t drop_body(char *bytes, size_t size, size_t count, void *context) {
    (void)bytes, (void)context;
    return size * count;
}

// With CURLOPT_HEADER each header line comes here before libcurl stores it, so that one its versions
// before 8.1 cannot take (a continuation of nothing) can be refused; then to `guard_header`.
static size_t guard_body(char *bytes, size_t size, size_t count, void *context) {
    struct worker *worker = context;
    count *= size;
    if (worker->after_status && count > 0 && (bytes[0] == ' ' || bytes[0] == '\t'))
        return 0;
    worker->after_status = false;
    worker->body_bytes += count;
    return count;
}

static size_t guard_header(char *bytes, size_t size, size_t count, void *context) {
    struct worker *worker = context;
    count *= size;
    worker->body_bytes -= count;
    worker->after_status = count >= 5 && memcmp(bytes, "HTTP/", 5) == 0;
    return count;
}

// libcurl tells which events of a socket it waits for. Between two requests a socket stays in
// epoll, which saves two system calls: the next request will want the same events again.
static int socket_changed(CURL *easy, curl_socket_t fd, int what, void *context, void *unused) {
    (void)easy, (void)unused;
    struct shard *shard = context;
    owner[fd] = shard;
    if (what == CURL_POLL_REMOVE) {
        wanted[fd] = 0;
        return 0;
    }
    unsigned events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
    wanted[fd] = 1;
    if (registered[fd] == events)
        return 0;
    struct epoll_event event = {.events = events, .data.fd = fd};
    int operation = registered[fd] ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    epoll_ctl(shard->loop->epoll_fd, operation, fd, &event);
    registered[fd] = events;
    return 0;
}

// Closing a descriptor takes it out of epoll.
static int close_socket(void *context, curl_socket_t fd) {
    (void)context;
    registered[fd] = 0;
    wanted[fd] = 0;
    return close(fd);
}

static int timeout_changed(CURLM *multi, long timeout_ms, void *context) {
    (void)multi;
    ((struct shard *)context)->timeout_ms = timeout_ms;
    return 0;
}

// Starts the next request on a worker's handle, or leaves it idle when there is none.
static void start_next(struct shard *shard, CURL *easy) {
    long id = atomic_fetch_add(&next_id, 1);
    if (id >= requests)
        return;
    char url[2048];
    snprintf(url, sizeof url, "%s%ld%s", prefix, id, suffix);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_multi_add_handle(shard->multi, easy);
    shard->loop->active++;
}

static void note_answer(struct loop *loop, CURL *easy);

static void finish_transfers(struct shard *shard) {
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(shard->multi, &left))) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURL *easy = message->easy_handle;
        CURLcode result = message->data.result;
        long status = 0;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        if (result != CURLE_OK || status != 200)
            atomic_fetch_add(&bad_answers, 1);
        if (result != CURLE_OK)
            some_failure = result;
        shard->loop->active--;
        curl_multi_remove_handle(shard->multi, easy);
        note_answer(shard->loop, easy);
        start_next(shard, easy);
    }
}

static void set_up_shard(struct shard *shard, struct loop *loop) {
    shard->loop = loop;
    shard->timeout_ms = -1;
    shard->multi = curl_multi_init();
    curl_multi_setopt(shard->multi, CURLMOPT_SOCKETFUNCTION, socket_changed);
    curl_multi_setopt(shard->multi, CURLMOPT_SOCKETDATA, shard);
    curl_multi_setopt(shard->multi, CURLMOPT_TIMERFUNCTION, timeout_changed);
    curl_multi_setopt(shard->multi, CURLMOPT_TIMERDATA, shard);
    // A connection for each worker, and some to spare.
    curl_multi_setopt(shard->multi, CURLMOPT_MAXCONNECTS, loop->workers / options.shards + 10);
    if (options.http == 2)
        tls_set_up_multi(shard->multi);
}

static CURL *make_worker(struct share *share) {
    CURL *easy = curl_easy_init();
    struct worker *worker = calloc(1, sizeof *worker);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, worker);
    if (options.guard) {
        curl_easy_setopt(easy, CURLOPT_HEADER, 1L);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, guard_body);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, worker);
        curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, guard_header);
        curl_easy_setopt(easy, CURLOPT_HEADERDATA, worker);
    } else {
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop_body);
    }
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    // Without these libcurl looks for proxies in the environment before each request.
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, -1L);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, options.buffer);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    if (is_https)
        tls_set_up_worker(easy, share);
    return easy;
}

// Lets workers begin. Not more than `ramp` at a time are without an answer: a thousand handshakes at
// once take more memory, and none ends early. The first is alone, so that the others can resume its
// TLS session.
static void begin_workers(struct loop *loop) {
    while (loop->started < loop->workers && (options.ramp == 0 || loop->cold < options.ramp)) {
        int at = loop->started++ % options.shards;
        loop->cold++;
        start_next(&loop->shards[at], make_worker(loop->shares[at]));
        if (loop->started == 1 && options.ramp > 0)
            return;
    }
}

static void note_answer(struct loop *loop, CURL *easy) {
    struct worker *worker = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &worker);
    if (worker->is_warm)
        return;
    worker->is_warm = true;
    loop->cold--;
    begin_workers(loop);
}

static void handle_event(struct loop *loop, const struct epoll_event *event) {
    int fd = event->data.fd;
    if (!wanted[fd]) {
        // Something on an idle connection, such as its end: libcurl looks when it uses it again.
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        registered[fd] = 0;
        return;
    }
    int ready = (event->events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                (event->events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                (event->events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
    int running;
    struct shard *shard = owner[fd];
    curl_multi_socket_action(shard->multi, fd, ready, &running);
    finish_transfers(shard);
}

static void *run_loop(void *context) {
    struct loop *loop = context;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    for (int k = 0; k < options.shards; k++) {
        set_up_shard(&loop->shards[k], loop);
        if (is_https)
            loop->shares[k] = k == 0 || options.sessions == 2 ? tls_make_share() : loop->shares[0];
    }
    begin_workers(loop);

    struct epoll_event events[MAX_EVENTS];
    while (loop->active > 0) {
        long timeout_ms = 1000;
        for (int k = 0; k < options.shards; k++) {
            long asked_ms = loop->shards[k].timeout_ms;
            if (asked_ms >= 0 && asked_ms < timeout_ms)
                timeout_ms = asked_ms;
        }
        int count = epoll_wait(loop->epoll_fd, events, MAX_EVENTS, (int)timeout_ms);
        for (int i = 0; i < count; i++)
            handle_event(loop, &events[i]);
        // A timeout of 0 is how libcurl asks to start the transfers that were added meanwhile.
        for (int k = 0; k < options.shards; k++) {
            struct shard *shard = &loop->shards[k];
            if (shard->timeout_ms != 0 && count != 0)
                continue;
            shard->timeout_ms = -1;
            int running;
            curl_multi_socket_action(shard->multi, CURL_SOCKET_TIMEOUT, 0, &running);
            finish_transfers(shard);
        }
    }
    return NULL;
}

static const struct option {
    const char *name;
    long *number;      // or
    const char **text;
    const char *meaning;
} known[] = {
    {"buffer", &options.buffer, NULL, "bytes of the read buffer (2048)"},
    {"shards", &options.shards, NULL, "multi handles of each of the two loops (16)"},
    {"ramp", &options.ramp, NULL, "workers of a loop without an answer at a time; 0: no limit (0)"},
    {"guard", &options.guard, NULL, "1: look at header lines before libcurl stores them (0)"},
    {"http", &options.http, NULL, "1 or 2; 2 needs HTTPS (1)"},
    {"cacert", NULL, &options.cacert, "PEM file of the certificates to trust; needed for HTTPS"},
    {"sessions", &options.sessions, NULL, "TLS sessions are kept by 0: handle, 1: loop, 2: shard (1)"},
    {"store", &options.own_store, NULL, "1: each connection reads the certificates, as libcurl does (0)"},
    {"copies", &options.copies, NULL, "1: a TLS session is resumed by many handshakes at once (1)"},
    {"alpn", &options.alpn, NULL, "1: offer http/1.1 by ALPN (0)"},
    {"suites", NULL, &options.suites, "TLS 1.3 cipher suites (OpenSSL's)"},
};
enum { KNOWN = sizeof known / sizeof known[0] };

static void usage(void) {
    fprintf(stderr, "usage: floor REQUESTS URL-TEMPLATE WORKERS [NAME=VALUE ...]\n"
                    "'{}' in the template is the ID.\n");
    for (int i = 0; i < KNOWN; i++)
        fprintf(stderr, "  %-10s %s\n", known[i].name, known[i].meaning);
    exit(2);
}

static void read_option(char *argument) {
    char *value = strchr(argument, '=');
    if (!value)
        usage();
    *value++ = 0;
    for (int i = 0; i < KNOWN; i++) {
        if (strcmp(argument, known[i].name) != 0)
            continue;
        if (known[i].number)
            *known[i].number = atol(value);
        else
            *known[i].text = value;
        return;
    }
    usage();
}

int main(int count, char **arguments) {
    char *hole = count >= 4 ? strstr(arguments[2], "{}") : NULL;
    if (!hole)
        usage();
    *hole = 0;
    prefix = arguments[2];
    suffix = hole + 2;
    requests = atol(arguments[1]);
    long workers = atol(arguments[3]);
    for (int i = 4; i < count; i++)
        read_option(arguments[i]);
    is_https = strncmp(prefix, "https:", 6) == 0;
    if (requests < 0 || workers < 1 || workers > MAX_FD - 1000 || options.shards < 1 ||
        options.shards > MAX_SHARDS || (is_https && !options.cacert))
        usage();

    curl_global_init(CURL_GLOBAL_ALL);
    if (is_https)
        tls_set_up();
    static struct loop loops[LOOPS];
    for (int i = 0; i < LOOPS; i++)
        loops[i].workers = (workers + i) / LOOPS;
    for (int i = 0; i < LOOPS; i++)
        pthread_create(&loops[i].thread, NULL, run_loop, &loops[i]);
    for (int i = 0; i < LOOPS; i++)
        pthread_join(loops[i].thread, NULL);
    if (bad_answers > 0) {
        fprintf(stderr, "%ld bad answers; one: %s\n", (long)bad_answers,
                curl_easy_strerror(some_failure));
        return 1;
    }
    return 0;
}
