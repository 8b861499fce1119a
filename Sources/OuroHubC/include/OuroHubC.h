// The C parts of OuroHub: HTTP exchanges with the system's libcurl, and the two hashes by which a hub identifies files.
//
// libcurl is loaded when it is first used. So the package builds without libcurl's headers. A statically linked program
// starts even where libcurl is missing. TLS, certificates and proxies are those of the system.
#ifndef OURO_HUB_C_H
#define OURO_HUB_C_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// HTTP

// Loads libcurl once. Any thread may call it at any time. Returns false if the system has no libcurl.
bool ouro_http_load(void);

// Makes a connection for several exchanges. It stays open between them. One thread may use it at a time. Returns
// NULL if there is not enough memory. ouro_http_load must have returned true.
void *ouro_http_connection_new(void);
void ouro_http_connection_free(void *connection);

// All pointers must stay valid until ouro_http_perform returns.
typedef struct {
    const char *url;
    // The proxy's address, or "" for none.
    const char *proxy;
    // A file of trusted certificates. NULL uses those of the system.
    const char *certificates;
    // Lines of the form "name: value".
    const char *const *headers;
    size_t header_count;
    // Whether to send HEAD instead of GET.
    bool is_head;
    // The time limit for the connection, in milliseconds.
    long connect_limit;
    // The longest time without a byte, in seconds.
    long silence_limit;
    // The time limit of the whole exchange, in milliseconds. 0 sets no limit.
    long total_limit;
    // The first argument of the callbacks. All callbacks run on the thread of ouro_http_perform.
    //
    // `header` gets one line at a time, including the status line and the empty line after the headers. The exchange
    // ends if `header` or `body` returns false, or if `is_cancelled` returns true. `is_cancelled` is called at least once a
    // second.
    void *context;
    bool (*header)(void *context, const char *line, size_t byte_count);
    bool (*body)(void *context, const void *bytes, size_t byte_count);
    bool (*is_cancelled)(void *context);
} ouro_http_request;

typedef enum {
    OURO_HTTP_DONE,
    // `header` or `body` returned false, or `is_cancelled` returned true.
    OURO_HTTP_STOPPED,
    OURO_HTTP_UNKNOWN_PROXY,
    OURO_HTTP_UNKNOWN_HOST,
    // No server accepted the connection. system_error tells the reason.
    OURO_HTTP_NO_CONNECTION,
    OURO_HTTP_CONNECT_TIMEOUT,
    // No byte arrived within silence_limit, or the exchange took longer than total_limit.
    OURO_HTTP_TIMEOUT,
    OURO_HTTP_CUT,
    // The proxy refused the exchange. proxy_status is its status, if it answered.
    OURO_HTTP_PROXY_REFUSED,
    // The server's certificate is not trusted.
    OURO_HTTP_UNTRUSTED,
    // Any other failure. `message` tells the reason.
    OURO_HTTP_FAILED,
} ouro_http_outcome;

typedef struct {
    ouro_http_outcome outcome;
    int system_error;
    long proxy_status;
    // libcurl's own error message. It may be empty.
    char message[256];
} ouro_http_result;

// Runs one exchange and returns when it has ended. Follows no redirect. Blocks SIGPIPE for the calling thread.
ouro_http_result ouro_http_perform(void *connection, const ouro_http_request *request);

// Hashes

typedef struct {
    uint32_t state[8];
    uint64_t byte_count;
    // Bytes of an incomplete block.
    uint8_t pending[64];
} ouro_hash;

// SHA-256 (FIPS 180-4, 6.2) and SHA-1 (6.1). `end` does not change the hash, so more bytes may follow.
void ouro_sha256_begin(ouro_hash *hash);
void ouro_sha256_update(ouro_hash *hash, const void *bytes, size_t byte_count);
void ouro_sha256_end(const ouro_hash *hash, uint8_t digest[32]);
void ouro_sha1_begin(ouro_hash *hash);
void ouro_sha1_update(ouro_hash *hash, const void *bytes, size_t byte_count);
void ouro_sha1_end(const ouro_hash *hash, uint8_t digest[20]);

// Whether the processor has instructions for SHA-256. ouro_sha256_update uses them if so.
bool ouro_sha256_is_accelerated(void);
// Does the same as ouro_sha256_update without these instructions. Tests compare both.
void ouro_sha256_update_portable(ouro_hash *hash, const void *bytes, size_t byte_count);

#endif
