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

// SOCK_STREAM: an enumerator, which Swift finds in another module than this one.
enum { stream_socket = SOCK_STREAM };
