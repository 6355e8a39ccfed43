#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

// Of an SSL_CTX: hands it the certificates to trust.
static inline void ssl_context_trust(void *context, X509_STORE *authorities) {
    SSL_CTX_set1_cert_store((SSL_CTX *)context, authorities);
}
// Of an SSL_CTX: a pointer and a number of ours; the first call makes their places.
static inline int ssl_context_place(int which) {
    static int places[2] = {-1, -1};
    if (places[which] < 0) places[which] = SSL_CTX_get_ex_new_index(0, 0, 0, 0, 0);
    return places[which];
}
// Of an SSL_CTX: idle connections give back their buffers, 34 KB each. The setter is a macro.
static inline void ssl_context_release_buffers(void *context) {
    SSL_CTX_set_mode((SSL_CTX *)context, SSL_MODE_RELEASE_BUFFERS);
}
