// The floor's HTTPS: certificates verified against one store for the process, sessions resumed.
#include "floor.h"
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

static X509_STORE *store;

void tls_set_up(void) {
    if (options.buffer < 16384)
        options.buffer = 16384;
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

static CURLcode set_up_context(CURL *easy, void *context, void *unused) {
    (void)easy, (void)unused;
    if (store)
        SSL_CTX_set1_cert_store(context, store);
    if (options.ahead)
        SSL_CTX_set_read_ahead(context, 1);
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

bool tls_has_whole_record(CURL *easy) {
    struct curl_tlssessioninfo *session = NULL;
    curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &session);
    return session && session->internals && SSL_has_pending(session->internals);
}
