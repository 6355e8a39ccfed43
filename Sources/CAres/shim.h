#include <ares.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <sys/stat.h>

// The text of a node's address, with brackets when it is of IPv6; 0 when it is of neither kind.
// `text` holds at least 48 bytes.
static inline int ares_address_text(const struct ares_addrinfo_node *node, char *text) {
    if (node->ai_family == AF_INET) {
        const void *address = &((const struct sockaddr_in *)node->ai_addr)->sin_addr;
        return inet_ntop(AF_INET, address, text, INET_ADDRSTRLEN) != 0;
    }
    if (node->ai_family != AF_INET6) return 0;
    const void *address = &((const struct sockaddr_in6 *)node->ai_addr)->sin6_addr;
    text[0] = '[';
    if (!inet_ntop(AF_INET6, address, text + 1, INET6_ADDRSTRLEN)) return 0;
    char *end = text;
    while (*end) end++;
    end[0] = ']';
    end[1] = 0;
    return 1;
}

// Makes a channel that keeps no answers: from 1.31 on c-ares keeps them for up to an hour, without a
// bound. Headers before 1.23 lack the option; its structure has only ever grown.
static inline int ares_init_uncached(ares_channel *channel, const struct ares_options *options, int given) {
#ifdef ARES_OPT_QUERY_CACHE
    struct ares_options all = *options;
    all.qcache_max_ttl = 0;
    return ares_init_options(channel, &all, given | ARES_OPT_QUERY_CACHE);
#else
    struct {
        struct ares_options known;
        char *hosts_path;
        int udp_max_queries;
        int maxtimeout;
        unsigned int qcache_max_ttl;
    } all = {*options, 0, 0, 0, 0};
    int version = 0;
    ares_version(&version);
    return ares_init_options(channel, &all.known, version < 0x011700 ? given : given | 1 << 21);
#endif
}

// SOCK_STREAM: an enumerator, which Swift finds in another module than this one.
enum { stream_socket = SOCK_STREAM, close_on_exec = SOCK_CLOEXEC };
