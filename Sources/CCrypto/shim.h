#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

// Of an SSL_CTX: hands it the certificates to trust.
static inline void ssl_context_trust(void *context, X509_STORE *authorities) {
    SSL_CTX_set1_cert_store((SSL_CTX *)context, authorities);
}
// Of an SSL_CTX: a place for a pointer of ours. The function behind it is a macro.
static inline int ssl_context_new_index(void) {
    return SSL_CTX_get_ex_new_index(0, 0, 0, 0, 0);
}
// Of an SSL_CTX: idle connections give back their buffers, 34 KB each. The setter is a macro.
static inline void ssl_context_release_buffers(void *context) {
    SSL_CTX_set_mode((SSL_CTX *)context, SSL_MODE_RELEASE_BUFFERS);
}
