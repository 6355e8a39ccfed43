// What Swift cannot call or import of libcurl and epoll: variadic functions get one inline per
// argument type, never one for all; socket callbacks get a type of their own.
#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

typedef size_t (*write_function)(char *, size_t, size_t, void *);
typedef int (*close_function)(void *, curl_socket_t);
typedef curl_socket_t (*open_function)(void *, curlsocktype, struct curl_sockaddr *);
typedef int (*socket_function)(CURL *, curl_socket_t, int, void *, void *);
typedef int (*timer_function)(CURLM *, long, void *);

static inline CURLcode easy_set_string(CURL *e, CURLoption o, const char *v) { return curl_easy_setopt(e, o, v); }
static inline CURLcode easy_set_long(CURL *e, CURLoption o, long v) { return curl_easy_setopt(e, o, v); }
static inline CURLcode easy_set_pointer(CURL *e, CURLoption o, void *v) { return curl_easy_setopt(e, o, v); }
static inline CURLcode easy_set_write(CURL *e, write_function f, void *data) {
    CURLcode result = curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, f);
    return result ? result : curl_easy_setopt(e, CURLOPT_WRITEDATA, data);
}
static inline CURLcode easy_set_header(CURL *e, write_function f, void *data) {
    CURLcode result = curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, f);
    return result ? result : curl_easy_setopt(e, CURLOPT_HEADERDATA, data);
}
static inline CURLcode easy_set_open(CURL *e, open_function f, void *data) {
    CURLcode result = curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, f);
    return result ? result : curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, data);
}
static inline CURLcode easy_set_close(CURL *e, close_function f, void *data) {
    CURLcode result = curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, f);
    return result ? result : curl_easy_setopt(e, CURLOPT_CLOSESOCKETDATA, data);
}
// The bytes of the address that a connection is about to go to: 4 of IPv4, 16 of IPv6, else NULL.
static inline const unsigned char *socket_address_bytes(const struct curl_sockaddr *a, int *count) {
    if (a->family == AF_INET) {
        *count = 4;
        return (const unsigned char *)&((const struct sockaddr_in *)&a->addr)->sin_addr;
    }
    if (a->family == AF_INET6) {
        *count = 16;
        return (const unsigned char *)&((const struct sockaddr_in6 *)&a->addr)->sin6_addr;
    }
    return 0;
}
typedef CURLcode (*context_function)(CURL *, void *, void *);
typedef int (*resolve_function)(void *, void *, void *);
static inline CURLcode easy_set_context(CURL *e, context_function f, void *data) {
    CURLcode result = curl_easy_setopt(e, CURLOPT_SSL_CTX_FUNCTION, f);
    return result ? result : curl_easy_setopt(e, CURLOPT_SSL_CTX_DATA, data);
}
static inline CURLcode easy_set_resolve(CURL *e, resolve_function f, void *data) {
    CURLcode result = curl_easy_setopt(e, CURLOPT_RESOLVER_START_FUNCTION, f);
    return result ? result : curl_easy_setopt(e, CURLOPT_RESOLVER_START_DATA, data);
}
typedef int (*request_function)(void *, char *, char *, int, int);
static inline CURLcode easy_set_request(CURL *e, request_function f, void *data) {
    CURLcode result = curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, f);
    return result ? result : curl_easy_setopt(e, CURLOPT_PREREQDATA, data);
}
static inline CURLMcode multi_set_socket(CURLM *m, socket_function f, void *data) {
    CURLMcode result = curl_multi_setopt(m, CURLMOPT_SOCKETFUNCTION, f);
    return result ? result : curl_multi_setopt(m, CURLMOPT_SOCKETDATA, data);
}
static inline CURLMcode multi_set_timer(CURLM *m, timer_function f, void *data) {
    CURLMcode result = curl_multi_setopt(m, CURLMOPT_TIMERFUNCTION, f);
    return result ? result : curl_multi_setopt(m, CURLMOPT_TIMERDATA, data);
}
static inline CURLMcode multi_set_long(CURLM *m, CURLMoption o, long v) { return curl_multi_setopt(m, o, v); }

// Each returns 0 (or NULL) where libcurl has nothing to tell.
static inline long easy_get_long(CURL *e, CURLINFO i) {
    long value = 0;
    return curl_easy_getinfo(e, i, &value) == CURLE_OK ? value : 0;
}
static inline curl_off_t easy_get_offset(CURL *e, CURLINFO i) {
    curl_off_t value = 0;
    return curl_easy_getinfo(e, i, &value) == CURLE_OK ? value : 0;
}
static inline const char *easy_get_text(CURL *e, CURLINFO i) {
    char *value = 0;
    return curl_easy_getinfo(e, i, &value) == CURLE_OK ? value : 0;
}
static inline void *easy_get_private(CURL *e) {
    char *value = 0;
    return curl_easy_getinfo(e, CURLINFO_PRIVATE, &value) == CURLE_OK ? value : 0;
}
static inline CURLcode message_result(const CURLMsg *m) { return m->data.result; }

static inline CURLcode easy_get_list(CURL *e, CURLINFO i, struct curl_slist **list) {
    return curl_easy_getinfo(e, i, list);
}
// OpenSSL's SSL of the connection in use; NULL when there is none.
static inline void *easy_get_ssl(CURL *e) {
    struct curl_tlssessioninfo *info = 0;
    if (curl_easy_getinfo(e, CURLINFO_TLS_SSL_PTR, &info) != CURLE_OK || !info) return 0;
    return info->backend == CURLSSLBACKEND_OPENSSL ? info->internals : 0;
}
// The first field of that name in the last response; NULL when there is none.
static inline const char *easy_get_field(CURL *e, const char *name) {
    struct curl_header *field = 0;
    return curl_easy_header(e, name, 0, CURLH_HEADER, -1, &field) == CURLHE_OK ? field->value : 0;
}
// The same where it is the only one of that name; NULL when there is none, or are several.
static inline const char *easy_get_only_field(CURL *e, const char *name) {
    struct curl_header *field = 0;
    if (curl_easy_header(e, name, 0, CURLH_HEADER, -1, &field) != CURLHE_OK) return 0;
    return field->amount == 1 ? field->value : 0;
}
static inline const char *easy_get_last_field(CURL *e, const char *name) {
    struct curl_header *field = 0;
    if (curl_easy_header(e, name, 0, CURLH_HEADER, -1, &field) != CURLHE_OK) return 0;
    if (field->amount > 1) curl_easy_header(e, name, field->amount - 1, CURLH_HEADER, -1, &field);
    return field->value;
}
// The file of certificates libcurl was built to trust; NULL when it was built with none.
static inline const char *authority_file(void) {
    curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
    return info && info->age >= CURLVERSION_SEVENTH ? info->cainfo : 0;
}

static inline int epoll_control(int ep, int op, int fd, uint32_t events) {
    struct epoll_event event = {.events = events, .data = {.fd = fd}};
    return epoll_ctl(ep, op, fd, &event);
}
