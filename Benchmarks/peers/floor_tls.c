// The floor's HTTPS: certificates verified against one store for the process, sessions resumed.
//
// What each choice is worth, with 1,000 workers, libcurl 7.88.1 and OpenSSL 3.0.19, as CPU of a run
// of 40,000 to 60,000 requests (medians of 2 to 5 rounds in alternation on two shared cores, so 4 %
// is noise) and as peak memory:
//
//   one store for the process     a connection costs 1.4 ms instead of 70, and 0.75 MB less
//   copies and ramp=500           -22 %: all but 2 of 1,000 handshakes are resumed ones, of 4.1
//                                 million instructions instead of 5.7; copies alone -11 %, ramp=32
//                                 without copies -5 %, for then only half resume
//   ramp=32 instead of 500        +7 %, -2 to -5 MB
//   sessions=0                    no handshake of a fresh handle resumes; +4 MB
//   buffer=2048, not 16384        HTTP/2: -10 %, -3 MB; HTTP/1.1: the same, -10 MB with ramp=32. A
//                                 record need not fit: libcurl asks OpenSSL whether more is left. For
//                                 64 KB bodies 16384 is best; 102400 is no faster and takes more
//                                 (+27 MB with 500 workers), as a read gets one record of 16 KB
//   shards=8 with HTTP/2          16 connections of 62 streams; 8, 12 or 24 connections 0 to +8 %, 32 and
//                                 64 +10 %. With 2 or 4, workers exceed the origin's 128 streams a
//                                 connection, and libcurl makes 774 and 520 connections: +28, +15 %
//   shards with HTTP/1.1          8, 16 and 32: the same
//   guard=1                       HTTP/1.1: within the noise; HTTP/2: +4 %
//   CURLOPT_UPLOAD_BUFFERSIZE     libcurl copies each HTTPS request into 64 KB that it allocates anew;
//                                 16 KB, the least, is the same (+2 %, +4 MB)
//   ALPN for http/1.1, AES-128 instead of AES-256, SSL_CTX_set_max_send_fragment(512), a free list
//   for OpenSSL's record buffers (CRYPTO_set_mem_functions)
//                                 within the noise
//   SSL_MODE_RELEASE_BUFFERS      libcurl sets it already; without it +8 MB, the same CPU
//   SSL_CTX_set_read_ahead        a kernel call of five less, the same CPU, and with HTTP/2 it hangs:
//                                 libcurl asks SSL_pending, which does not see what was read ahead
//   one loop instead of two       the same CPU, a third slower
#include "floor.h"
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

static X509_STORE *store;

void tls_set_up(void) {
    if (options.own_store)
        return;
    store = X509_STORE_new();
    if (!store || !X509_STORE_load_file(store, options.cacert)) {
        fprintf(stderr, "floor: %s cannot be read as certificates\n", options.cacert);
        exit(2);
    }
}

// Only one loop's thread uses a share, so it needs no lock.
struct share *tls_make_share(void) {
    if (options.sessions == 0)
        return NULL;
    CURLSH *share = curl_share_init();
    curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    return (struct share *)share;
}

void tls_set_up_multi(CURLM *multi) {
    curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    curl_multi_setopt(multi, CURLMOPT_MAX_CONCURRENT_STREAMS, 1000L);
}

// OpenSSL uses a TLS 1.3 session once: when a handshake that resumed one ends, the session is marked
// as not to be used again, until the server's next ticket comes. Handshakes that begin meanwhile
// would be full ones. So each gets a copy of the session libcurl chose, which stays as it is.
static void use_copy(const SSL *constant, int where, int unused) {
    (void)unused;
    SSL *ssl = (SSL *)constant; // as OpenSSL hands out what is not constant
    SSL_SESSION *session = where == SSL_CB_HANDSHAKE_START ? SSL_get_session(ssl) : NULL;
    SSL_SESSION *copy = session ? SSL_SESSION_dup(session) : NULL;
    if (copy) {
        SSL_set_session(ssl, copy);
        SSL_SESSION_free(copy); // the handshake has its own reference
    }
}

static CURLcode set_up_context(CURL *easy, void *context, void *unused) {
    (void)easy, (void)unused;
    if (store)
        SSL_CTX_set1_cert_store(context, store);
    if (options.copies)
        SSL_CTX_set_info_callback(context, use_copy);
    return CURLE_OK;
}

void tls_set_up_worker(CURL *easy, struct share *share) {
    bool is_http2 = options.http == 2;
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                     is_http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, is_http2 ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_ENABLE_ALPN, is_http2 || options.alpn ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_CAINFO, options.own_store ? options.cacert : NULL);
    // Debian's libcurl has one by default, which keeps it from sharing its own store.
    if (!options.own_store)
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, set_up_context);
    if (options.suites)
        curl_easy_setopt(easy, CURLOPT_TLS13_CIPHERS, options.suites);
    if (share)
        curl_easy_setopt(easy, CURLOPT_SHARE, share);
}
