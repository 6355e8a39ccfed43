// What floor.c and floor_tls.c share.
#include <curl/curl.h>
#include <stdbool.h>

struct options {
    long buffer, shards, ramp, guard, http, sessions, copies, own_store, alpn;
    const char *cacert, *suites;
};
extern struct options options;

struct share;

// Reads the certificates, once for the process. Ends it when they cannot be read.
void tls_set_up(void);

// Makes what handles of one loop share: TLS sessions. NULL when each keeps its own.
struct share *tls_make_share(void);

void tls_set_up_multi(CURLM *multi);
void tls_set_up_worker(CURL *easy, struct share *share);
