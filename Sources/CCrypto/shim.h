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
// Of an SSL: whether bytes were read of it that nobody has taken yet.
static inline int ssl_has_pending(void *connection) { return SSL_has_pending((SSL *)connection); }
// Of an SSL: whether its handshake has ended.
static inline int ssl_is_connected(void *connection) { return SSL_is_init_finished((SSL *)connection); }
// Of an SSL: whether HTTP/2 was agreed upon.
static inline int ssl_speaks_http2(void *connection) {
    const unsigned char *name = 0;
    unsigned length = 0;
    SSL_get0_alpn_selected((SSL *)connection, &name, &length);
    return length == 2 && name[0] == 'h' && name[1] == '2';
}
// Of an SSL_CTX: the certificate to show to servers that ask for one. References are counted.
static inline int ssl_context_show(void *context, X509 *certificate, EVP_PKEY *key) {
    return SSL_CTX_use_cert_and_key((SSL_CTX *)context, certificate, key, 0, 1);
}
// Of an SSL_CTX: one more certificate to show, which vouches for the first. The function is a macro.
static inline int ssl_context_add(void *context, X509 *certificate) {
    return (int)SSL_CTX_add1_chain_cert((SSL_CTX *)context, certificate);
}
