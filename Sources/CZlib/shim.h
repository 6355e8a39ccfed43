#include <zlib.h>

// inflateInit2 is a macro. 15 + 16: gzip and nothing else, with the largest window.
static inline int inflate_init_gzip(z_stream *stream) {
    return inflateInit2_(stream, 15 + 16, ZLIB_VERSION, (int)sizeof(z_stream));
}
// 15 + 32: gzip or zlib, whichever header comes; -15: deflate without any.
static inline int inflate_init_any(z_stream *stream) {
    return inflateInit2_(stream, 15 + 32, ZLIB_VERSION, (int)sizeof(z_stream));
}
static inline int inflate_init_raw(z_stream *stream) {
    return inflateInit2_(stream, -15, ZLIB_VERSION, (int)sizeof(z_stream));
}
