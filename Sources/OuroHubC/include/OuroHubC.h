// What OuroHub needs in C: one HTTP exchange by the system's libcurl, and the two hashes that a hub knows files by.
//
// libcurl is loaded when it is first used. So the package builds without its headers, a program that is linked
// statically still starts where libcurl is missing, and TLS, certificates and proxies are those of the system.
#ifndef OURO_HUB_C_H
#define OURO_HUB_C_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// HTTP

// Loads libcurl once; any thread may call it at any time. Returns false if there is none.
bool ouro_http_load(void);

// A connection that exchanges may use one after another; it stays open in between. One thread at a time. NULL if memory
// is short. ouro_http_load must have returned true.
void *ouro_http_connection_new(void);
void ouro_http_connection_free(void *connection);

// All pointers must stay valid until ouro_http_perform returns.
typedef struct {
    const char *url;
    // "" for none.
    const char *proxy;
    // A file of certificates to trust; NULL for those of the system.
    const char *certificates;
    // "name: value" each.
    const char *const *headers;
    size_t header_count;
    // HEAD instead of GET.
    bool is_head;
    // Milliseconds until there is a connection.
    long connect_limit;
    // Seconds without a byte.
    long silence_limit;
    // Milliseconds for everything; 0 for no limit.
    long total_limit;
    // Called with `context`, all on the thread of ouro_http_perform. `header` gets a line at a time, the status line and
    // the empty line at the end of the headers too. False from `header` or `body`, or true from `is_cancelled`, ends the
    // exchange. `is_cancelled` is asked at least once a second.
    void *context;
    bool (*header)(void *context, const char *line, size_t byte_count);
    bool (*body)(void *context, const void *bytes, size_t byte_count);
    bool (*is_cancelled)(void *context);
} ouro_http_request;

typedef enum {
    OURO_HTTP_DONE,
    // `header` or `body` returned false, or `is_cancelled` true.
    OURO_HTTP_STOPPED,
    OURO_HTTP_UNKNOWN_PROXY,
    OURO_HTTP_UNKNOWN_HOST,
    // Nothing accepts connections there; system_error tells why.
    OURO_HTTP_NO_CONNECTION,
    OURO_HTTP_CONNECT_TIMEOUT,
    // Silent for too long, or too slow altogether.
    OURO_HTTP_TIMEOUT,
    OURO_HTTP_CUT,
    // The proxy does not let the exchange through; proxy_status tells why, if it answered.
    OURO_HTTP_PROXY_REFUSED,
    // The server's certificate is not trusted.
    OURO_HTTP_UNTRUSTED,
    // Anything else; `message` tells.
    OURO_HTTP_FAILED,
} ouro_http_outcome;

typedef struct {
    ouro_http_outcome outcome;
    int system_error;
    long proxy_status;
    // libcurl's own words; may be empty.
    char message[256];
} ouro_http_result;

// Runs one exchange and returns when it has ended. Follows no redirect. Blocks SIGPIPE for the calling thread.
ouro_http_result ouro_http_perform(void *connection, const ouro_http_request *request);

// Hashes

typedef struct {
    uint32_t state[8];
    uint64_t byte_count;
    // Bytes that do not make up a block yet.
    uint8_t pending[64];
} ouro_hash;

// SHA-256 (FIPS 180-4, 6.2) and SHA-1 (6.1). `end` leaves the hash as it is, so more bytes may follow.
void ouro_sha256_begin(ouro_hash *hash);
void ouro_sha256_update(ouro_hash *hash, const void *bytes, size_t byte_count);
void ouro_sha256_end(const ouro_hash *hash, uint8_t digest[32]);
void ouro_sha1_begin(ouro_hash *hash);
void ouro_sha1_update(ouro_hash *hash, const void *bytes, size_t byte_count);
void ouro_sha1_end(const ouro_hash *hash, uint8_t digest[20]);

// Whether the processor has instructions for SHA-256, which are used then; and, for tests, the same hash without them.
bool ouro_sha256_is_accelerated(void);
void ouro_sha256_update_portable(ouro_hash *hash, const void *bytes, size_t byte_count);

#endif
