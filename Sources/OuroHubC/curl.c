// Runs one HTTP exchange with the system's libcurl. libcurl is loaded when it is first used.
//
// This file declares the few functions and numbers of libcurl's interface that it needs. They have not changed since
// version 7.66 of 2019. libcurl promises to keep them as long as the library's name ends in .so.4.
#include "OuroHubC.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum {
    CURLE_OK = 0,
    CURLE_COULDNT_RESOLVE_PROXY = 5,
    CURLE_COULDNT_RESOLVE_HOST = 6,
    CURLE_COULDNT_CONNECT = 7,
    CURLE_PARTIAL_FILE = 18,
    CURLE_WRITE_ERROR = 23,
    CURLE_OPERATION_TIMEDOUT = 28,
    CURLE_ABORTED_BY_CALLBACK = 42,
    CURLE_GOT_NOTHING = 52,
    CURLE_SEND_ERROR = 55,
    CURLE_RECV_ERROR = 56,
    CURLE_PEER_FAILED_VERIFICATION = 60,
    CURLE_SSL_CACERT_BADFILE = 77,
    CURLE_PROXY = 97,
};

enum {
    // Values of type long.
    CURLOPT_LOW_SPEED_LIMIT = 19,
    CURLOPT_LOW_SPEED_TIME = 20,
    CURLOPT_NOPROGRESS = 43,
    CURLOPT_NOBODY = 44,
    CURLOPT_HTTP_VERSION = 84,
    CURLOPT_BUFFERSIZE = 98,
    CURLOPT_NOSIGNAL = 99,
    CURLOPT_TIMEOUT_MS = 155,
    CURLOPT_CONNECTTIMEOUT_MS = 156,
    CURLOPT_PROTOCOLS = 181,
    CURLOPT_SUPPRESS_CONNECT_HEADERS = 265,
    // Pointers.
    CURLOPT_WRITEDATA = 10001,
    CURLOPT_URL = 10002,
    CURLOPT_PROXY = 10004,
    CURLOPT_ERRORBUFFER = 10010,
    CURLOPT_HTTPHEADER = 10023,
    CURLOPT_HEADERDATA = 10029,
    CURLOPT_XFERINFODATA = 10057,
    CURLOPT_CAINFO = 10065,
    CURLOPT_NOPROXY = 10177,
    // Functions.
    CURLOPT_WRITEFUNCTION = 20011,
    CURLOPT_HEADERFUNCTION = 20079,
    CURLOPT_XFERINFOFUNCTION = 20219,
};

enum { CURLINFO_REQUEST_SIZE = 0x20000c, CURLINFO_HTTP_CONNECTCODE = 0x200016, CURLINFO_OS_ERRNO = 0x200019 };
enum { CURL_GLOBAL_ALL = 3, CURL_HTTP_VERSION_1_1 = 2, CURLPROTO_HTTP_AND_HTTPS = 3, CURL_ERROR_SIZE = 256 };

static struct {
    int (*global_init)(long);
    void *(*easy_init)(void);
    void (*easy_reset)(void *);
    void (*easy_cleanup)(void *);
    int (*easy_setopt)(void *, int, ...);
    int (*easy_getinfo)(void *, int, ...);
    int (*easy_perform)(void *);
    const char *(*easy_strerror)(int);
    void *(*slist_append)(void *, const char *);
    void (*slist_free_all)(void *);
} curl;

static bool is_loaded;

static bool find(void *library, const char *name, void *function) {
    void *found = dlsym(library, name);
    // ISO C has no cast from a data pointer to a function pointer, so the address is copied.
    memcpy(function, &found, sizeof found);
    return found != NULL;
}

static void load(void) {
    static const char *const names[] = {
#if defined(__APPLE__)
        "/usr/lib/libcurl.4.dylib",
#else
        "libcurl.so.4", "libcurl-gnutls.so.4",
#endif
    };
    void *library = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && library == NULL; i++) {
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    }
    if (library == NULL) return;
    is_loaded = find(library, "curl_global_init", &curl.global_init) &&
                find(library, "curl_easy_init", &curl.easy_init) &&
                find(library, "curl_easy_reset", &curl.easy_reset) &&
                find(library, "curl_easy_cleanup", &curl.easy_cleanup) &&
                find(library, "curl_easy_setopt", &curl.easy_setopt) &&
                find(library, "curl_easy_getinfo", &curl.easy_getinfo) &&
                find(library, "curl_easy_perform", &curl.easy_perform) &&
                find(library, "curl_easy_strerror", &curl.easy_strerror) &&
                find(library, "curl_slist_append", &curl.slist_append) &&
                find(library, "curl_slist_free_all", &curl.slist_free_all) &&
                curl.global_init(CURL_GLOBAL_ALL) == CURLE_OK;
}

bool ouro_http_load(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return is_loaded;
}

void *ouro_http_connection_new(void) { return curl.easy_init(); }

void ouro_http_connection_free(void *connection) { curl.easy_cleanup(connection); }

// A callback ends the exchange by returning a number other than the number of bytes.
static size_t pass_header(char *bytes, size_t size, size_t count, void *request_pointer) {
    const ouro_http_request *request = request_pointer;
    return request->header(request->context, bytes, size * count) ? size * count : 0;
}

static size_t pass_body(char *bytes, size_t size, size_t count, void *request_pointer) {
    const ouro_http_request *request = request_pointer;
    return request->body(request->context, bytes, size * count) ? size * count : 0;
}

static int ask_whether_cancelled(void *request_pointer, int64_t a, int64_t b, int64_t c, int64_t d) {
    (void)a, (void)b, (void)c, (void)d;
    const ouro_http_request *request = request_pointer;
    return request->is_cancelled(request->context);
}

static ouro_http_outcome outcome(void *connection, int code, const ouro_http_request *request, long proxy_status) {
    const bool has_proxy = *request->proxy != 0;
    long sent = 0;
    curl.easy_getinfo(connection, CURLINFO_REQUEST_SIZE, &sent);
    switch (code) {
        case CURLE_OK: return OURO_HTTP_DONE;
        case CURLE_WRITE_ERROR:
        case CURLE_ABORTED_BY_CALLBACK: return OURO_HTTP_STOPPED;
        case CURLE_COULDNT_RESOLVE_PROXY: return OURO_HTTP_UNKNOWN_PROXY;
        case CURLE_COULDNT_RESOLVE_HOST: return OURO_HTTP_UNKNOWN_HOST;
        case CURLE_COULDNT_CONNECT: return OURO_HTTP_NO_CONNECTION;
        case CURLE_OPERATION_TIMEDOUT: return sent == 0 ? OURO_HTTP_CONNECT_TIMEOUT : OURO_HTTP_TIMEOUT;
        case CURLE_PROXY: return OURO_HTTP_PROXY_REFUSED;
        case CURLE_PARTIAL_FILE:
        case CURLE_GOT_NOTHING:
        case CURLE_SEND_ERROR:
        case CURLE_RECV_ERROR: return has_proxy && proxy_status >= 300 ? OURO_HTTP_PROXY_REFUSED : OURO_HTTP_CUT;
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CACERT_BADFILE: return OURO_HTTP_UNTRUSTED;
        default: return OURO_HTTP_FAILED;
    }
}

static ouro_http_result failure(const char *message) {
    ouro_http_result result = {.outcome = OURO_HTTP_FAILED};
    snprintf(result.message, sizeof result.message, "%s", message);
    return result;
}

// Sets the options. Returns false if libcurl refuses one that the exchange needs. libcurl may refuse the buffer
// size, which only affects speed.
static bool prepare(void *connection, const ouro_http_request *request, void *headers, char *message) {
    const int refused =
        curl.easy_setopt(connection, CURLOPT_ERRORBUFFER, message) |
        curl.easy_setopt(connection, CURLOPT_URL, request->url) |
        curl.easy_setopt(connection, CURLOPT_HTTPHEADER, headers) |
        curl.easy_setopt(connection, CURLOPT_NOBODY, (long)request->is_head) |
        // Only web addresses are allowed, not files.
        curl.easy_setopt(connection, CURLOPT_PROTOCOLS, (long)CURLPROTO_HTTP_AND_HTTPS) |
        curl.easy_setopt(connection, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) |
        // The caller chooses the proxy. libcurl must not read the environment variables itself.
        curl.easy_setopt(connection, CURLOPT_PROXY, request->proxy) |
        curl.easy_setopt(connection, CURLOPT_NOPROXY, "") |
        curl.easy_setopt(connection, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) |
        curl.easy_setopt(connection, CURLOPT_NOSIGNAL, 1L) |
        curl.easy_setopt(connection, CURLOPT_CONNECTTIMEOUT_MS, request->connect_limit) |
        curl.easy_setopt(connection, CURLOPT_LOW_SPEED_LIMIT, 1L) |
        curl.easy_setopt(connection, CURLOPT_LOW_SPEED_TIME, request->silence_limit) |
        curl.easy_setopt(connection, CURLOPT_TIMEOUT_MS, request->total_limit) |
        curl.easy_setopt(connection, CURLOPT_HEADERFUNCTION, pass_header) |
        curl.easy_setopt(connection, CURLOPT_HEADERDATA, request) |
        curl.easy_setopt(connection, CURLOPT_WRITEFUNCTION, pass_body) |
        curl.easy_setopt(connection, CURLOPT_WRITEDATA, request) |
        curl.easy_setopt(connection, CURLOPT_XFERINFOFUNCTION, ask_whether_cancelled) |
        curl.easy_setopt(connection, CURLOPT_XFERINFODATA, request) |
        curl.easy_setopt(connection, CURLOPT_NOPROGRESS, 0L) |
        (request->certificates ? curl.easy_setopt(connection, CURLOPT_CAINFO, request->certificates) : 0);
    curl.easy_setopt(connection, CURLOPT_BUFFERSIZE, 256L << 10);
    return refused == 0;
}

ouro_http_result ouro_http_perform(void *connection, const ouro_http_request *request) {
    // If the server closes the connection, SIGPIPE must not end the process. Not every TLS library blocks it.
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, NULL);

    void *headers = NULL;
    for (size_t i = 0; i < request->header_count; i++) {
        void *longer = curl.slist_append(headers, request->headers[i]);
        if (longer == NULL) {
            curl.slist_free_all(headers);
            return failure("memory is short");
        }
        headers = longer;
    }
    char message[CURL_ERROR_SIZE] = "";
    // Clears the options of the previous exchange, and keeps the connection open.
    curl.easy_reset(connection);
    ouro_http_result result;
    if (prepare(connection, request, headers, message)) {
        const int code = curl.easy_perform(connection);
        result = failure(*message ? message : code == CURLE_OK ? "" : curl.easy_strerror(code));
        long system_error = 0;
        curl.easy_getinfo(connection, CURLINFO_OS_ERRNO, &system_error);
        curl.easy_getinfo(connection, CURLINFO_HTTP_CONNECTCODE, &result.proxy_status);
        result.system_error = (int)system_error;
        result.outcome = outcome(connection, code, request, result.proxy_status);
    } else {
        result = failure("the system's libcurl is older than version 7.66, or has no TLS");
    }
    // The options point to memory that the caller frees, so they are cleared.
    curl.easy_reset(connection);
    curl.slist_free_all(headers);
    return result;
}
