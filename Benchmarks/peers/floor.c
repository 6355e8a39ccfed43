// The floor: bare C over libcurl with its best settings, and nothing else. No queue, no retries, no
// records: what any client on libcurl must spend.
//
//     floor REQUESTS URL-TEMPLATE WORKERS [BUFFER-BYTES]
//
// LOOPS threads, each with one epoll(7) over SHARDS multi handles. Many small multi handles are
// cheaper than a large one, since libcurl's work grows with the transfers in a handle.
#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { LOOPS = 2, SHARDS = 16, MAX_FD = 65536, MAX_EVENTS = 1024 };

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
    struct shard shards[SHARDS];
    long workers;
    long active; // transfers in flight
};

// What was asked for, the same for all threads.
static long requests;
static const char *prefix; // the template before "{}"
static const char *suffix; // and after
static long buffer_bytes = 2048;

static atomic_long next_id;
static atomic_long bad_answers;

// By descriptor. A descriptor belongs to one loop at a time, so these need no lock.
static struct shard *owner[MAX_FD];
static unsigned char registered[MAX_FD]; // the events epoll watches for, 0 if none
static unsigned char wanted[MAX_FD];     // whether libcurl wants to hear of it

static size_t drop_body(char *bytes, size_t size, size_t count, void *context) {
    (void)bytes, (void)context;
    return size * count;
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

static void finish_transfers(struct shard *shard) {
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(shard->multi, &left))) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURL *easy = message->easy_handle;
        long status = 0;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        if (message->data.result != CURLE_OK || status != 200)
            atomic_fetch_add(&bad_answers, 1);
        shard->loop->active--;
        curl_multi_remove_handle(shard->multi, easy);
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
    curl_multi_setopt(shard->multi, CURLMOPT_MAXCONNECTS, loop->workers / SHARDS + 10);
}

static CURL *make_worker(void) {
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop_body);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    // Without these libcurl looks for proxies in the environment before each request.
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, -1L);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, buffer_bytes);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    return easy;
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
    for (int k = 0; k < SHARDS; k++)
        set_up_shard(&loop->shards[k], loop);
    for (long k = 0; k < loop->workers; k++)
        start_next(&loop->shards[k % SHARDS], make_worker());

    struct epoll_event events[MAX_EVENTS];
    while (loop->active > 0) {
        long timeout_ms = 1000;
        for (int k = 0; k < SHARDS; k++) {
            long asked_ms = loop->shards[k].timeout_ms;
            if (asked_ms >= 0 && asked_ms < timeout_ms)
                timeout_ms = asked_ms;
        }
        int count = epoll_wait(loop->epoll_fd, events, MAX_EVENTS, (int)timeout_ms);
        for (int i = 0; i < count; i++)
            handle_event(loop, &events[i]);
        // A timeout of 0 is how libcurl asks to start the transfers that were added meanwhile.
        for (int k = 0; k < SHARDS; k++) {
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

int main(int count, char **arguments) {
    char *hole = count >= 4 ? strstr(arguments[2], "{}") : NULL;
    if (!hole || count > 5) {
        fprintf(stderr, "usage: floor REQUESTS URL-TEMPLATE WORKERS [BUFFER-BYTES]\n"
                        "'{}' in the template is the ID.\n");
        return 2;
    }
    *hole = 0;
    prefix = arguments[2];
    suffix = hole + 2;
    requests = atol(arguments[1]);
    long workers = atol(arguments[3]);
    if (count == 5)
        buffer_bytes = atol(arguments[4]);
    if (requests < 0 || workers < 1 || workers > MAX_FD - 1000) {
        fprintf(stderr, "floor: 1 to %d workers\n", MAX_FD - 1000);
        return 2;
    }

    curl_global_init(CURL_GLOBAL_ALL);
    static struct loop loops[LOOPS];
    for (int i = 0; i < LOOPS; i++)
        loops[i].workers = (workers + i) / LOOPS;
    for (int i = 0; i < LOOPS; i++)
        pthread_create(&loops[i].thread, NULL, run_loop, &loops[i]);
    for (int i = 0; i < LOOPS; i++)
        pthread_join(loops[i].thread, NULL);
    if (bad_answers > 0) {
        fprintf(stderr, "%ld bad answers\n", (long)bad_answers);
        return 1;
    }
    return 0;
}
