/* Both ends of the load generator: one UDP socket, or a number of TCP or TLS connections that stay open.
 *
 * A message is written where begin() points and queued; flush() sends what is queued, drain() hands over whole messages that
 * came, each ended by a NUL.  UDP is sent and received in batches; on a connection messages are told apart by Content-Length.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#ifdef WITH_TLS
#include <openssl/err.h>
#include <openssl/ssl.h>
#endif

#define BATCH 32
#define ROOM 3072
#define LINKS 16
#define STREAM_ROOM 65536
#define MOST_UNSENT (4 << 20)

enum kind { UDP, TCP, TLS };
static const char *const kind_names[] = {"UDP", "TCP", "TLS"};
static const char *const kind_parameters[] = {"", ";transport=tcp", ";transport=tls"};

struct side;
struct link {
    struct side *side;
    int fd, port;
    char host[16];
    char *out, *in; /* of a connection */
    size_t out_size, out_room, in_size;
#ifdef WITH_TLS
    SSL *ssl;
#endif
};
struct side {
    enum kind kind;
    int count, queued;
    struct link links[LINKS];
    char out[BATCH][ROOM], in[BATCH][ROOM + 1]; /* of the UDP socket */
    struct iovec out_vec[BATCH], in_vec[BATCH];
    struct mmsghdr out_msg[BATCH], in_msg[BATCH];
};
static unsigned long sent, received, refused;
static const char *cipher = "";
#ifdef WITH_TLS
static const char *authority;
#endif

/* The end of the run, for a reason that is no unit's: the caller of this program reads it in place of "ready". */
static void give_up(const char *what, const char *why)
{
    printf("{\"error\": \"%s: %s\"}\n", what, why);
    exit(1);
}

static struct link *link_of(struct side *s, unsigned user)
{
    return &s->links[user % s->count];
}

static int open_socket(struct link *l, int type, const char *host, int port, int server)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(server)};
    socklen_t size = sizeof here;
    int room = 8 << 20, yes = 1, fd = socket(AF_INET, type, 0);
    inet_pton(AF_INET, host, &here.sin_addr);
    inet_pton(AF_INET, "127.0.0.1", &there.sin_addr);
    if (type & SOCK_STREAM) {
        struct linger none = {1, 0}; /* the next run takes the same addresses: no TIME_WAIT */
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    } else {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
        setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    }
    if (bind(fd, (void *)&here, sizeof here) || connect(fd, (void *)&there, sizeof there))
        give_up("no socket to the server", strerror(errno));
    getsockname(fd, (void *)&here, &size);
    l->fd = fd, l->port = ntohs(here.sin_port);
    snprintf(l->host, sizeof l->host, "%s", host);
    return fd;
}

#ifdef WITH_TLS
static void shake_hands(struct link *l)
{
    static SSL_CTX *context;
    if (!context) {
        context = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        if (SSL_CTX_load_verify_locations(context, authority, NULL) != 1)
            give_up("no certificate authority", authority);
    }
    l->ssl = SSL_new(context);
    SSL_set_fd(l->ssl, l->fd);
    if (SSL_connect(l->ssl) != 1)
        give_up("no TLS handshake", ERR_reason_error_string(ERR_peek_last_error()) ? ERR_reason_error_string(ERR_peek_last_error()) : "closed");
    cipher = SSL_get_cipher(l->ssl);
}
#endif

/* One socket, or LINKS connections: all from this host, or (host NULL) each from an address of its own as phones have. */
static void open_side(struct side *s, enum kind kind, const char *host, int port, int server)
{
    s->kind = kind, s->queued = 0, s->count = kind == UDP ? 1 : LINKS;
    for (int i = 0; i < s->count; i++) {
        struct link *l = &s->links[i];
        char own[16];
        l->side = s;
        snprintf(own, sizeof own, kind == UDP ? "127.0.0.1" : "127.0.1.%d", i + 1);
        open_socket(l, kind == UDP ? SOCK_DGRAM : SOCK_STREAM, host ? host : own, port, server);
        if (kind != UDP) {
            l->out_room = STREAM_ROOM, l->out = malloc(l->out_room), l->in = malloc(STREAM_ROOM + 1);
            l->out_size = l->in_size = 0;
        }
#ifdef WITH_TLS
        if (kind == TLS)
            shake_hands(l);
#endif
        fcntl(l->fd, F_SETFL, O_NONBLOCK);
    }
    for (int i = 0; i < BATCH; i++) {
        s->out_vec[i].iov_base = s->out[i];
        s->in_vec[i] = (struct iovec){s->in[i], ROOM};
        s->out_msg[i].msg_hdr = (struct msghdr){.msg_iov = &s->out_vec[i], .msg_iovlen = 1};
        s->in_msg[i].msg_hdr = (struct msghdr){.msg_iov = &s->in_vec[i], .msg_iovlen = 1};
    }
}

static void flush_batch(struct side *s)
{
    int at = 0;
    while (at < s->queued) {
        int n = sendmmsg(s->links[0].fd, s->out_msg + at, s->queued - at, 0);
        if (n > 0) {
            at += n, sent += n;
        } else if (errno == ECONNREFUSED) {
            refused++;
        } else if (errno == EAGAIN || errno == ENOBUFS) {
            struct pollfd p = {s->links[0].fd, POLLOUT, 0};
            poll(&p, 1, 1);
        } else {
            perror("load: send");
            exit(2);
        }
    }
    s->queued = 0;
}

/* Bytes taken or given, 0 for "later"; a connection that ends makes the whole run worthless. */
static size_t moved(struct link *l, ssize_t n)
{
    if (n > 0)
        return n;
#ifdef WITH_TLS
    if (l->ssl) {
        int why = SSL_get_error(l->ssl, n);
        if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
            return 0;
    } else
#endif
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    (void)l;
    give_up("the server closed a connection", n ? strerror(errno) : "its end");
    return 0;
}

static size_t put(struct link *l)
{
#ifdef WITH_TLS
    if (l->ssl) {
        ERR_clear_error();
        return moved(l, SSL_write(l->ssl, l->out, l->out_size));
    }
#endif
    return moved(l, send(l->fd, l->out, l->out_size, MSG_NOSIGNAL));
}

static size_t get(struct link *l)
{
#ifdef WITH_TLS
    if (l->ssl) {
        ERR_clear_error();
        return moved(l, SSL_read(l->ssl, l->in + l->in_size, STREAM_ROOM - l->in_size));
    }
#endif
    return moved(l, recv(l->fd, l->in + l->in_size, STREAM_ROOM - l->in_size, 0));
}

/* Sends what is queued; what a full connection does not take stays queued for the next time. */
static void flush(struct side *s)
{
    if (s->kind == UDP) {
        flush_batch(s);
        return;
    }
    for (int i = 0; i < s->count; i++) {
        struct link *l = &s->links[i];
        while (l->out_size) {
            size_t n = put(l);
            if (!n)
                break;
            memmove(l->out, l->out + n, l->out_size -= n);
        }
    }
}

static char *begin(struct link *l)
{
    if (l->side->kind == UDP) {
        if (l->side->queued == BATCH)
            flush_batch(l->side);
        return l->side->out[l->side->queued];
    }
    if (l->out_room - l->out_size < ROOM) {
        if (l->out_room > MOST_UNSENT)
            give_up("the server does not read", "4 MiB are waiting for it");
        l->out = realloc(l->out, l->out_room *= 2);
    }
    return l->out + l->out_size;
}

static void queue(struct link *l, size_t size)
{
    if (l->side->kind == UDP)
        l->side->out_vec[l->side->queued++].iov_len = size;
    else
        l->out_size += size, sent++;
}

/* How long the message is that begins here, 0 if it has not come whole. */
static size_t whole(char *text)
{
    char *end = strstr(text, "\r\n\r\n"), *length = strcasestr(text, "\r\nContent-Length:");
    if (!end)
        return 0;
    size_t body = length && length < end ? strtoul(length + 17, NULL, 10) : 0, size = end + 4 - text + body;
    if (size > STREAM_ROOM)
        give_up("the server sent a message without end", "more than 64 KiB");
    return strnlen(text, size) == size ? size : 0;
}

static void drain_link(struct link *l, void (*take)(struct link *, char *))
{
    for (size_t n; (n = get(l));) {
        l->in_size += n;
        l->in[l->in_size] = 0;
        char *at = l->in;
        for (size_t size; at += strspn(at, "\r\n"), (size = whole(at)); at += size) {
            char next = at[size];
            at[size] = 0;
            received++;
            take(l, at);
            at[size] = next;
        }
        memmove(l->in, at, l->in_size -= at - l->in);
        if (l->in_size == STREAM_ROOM)
            give_up("the server sent a message without end", "more than 64 KiB");
    }
}

static void drain(struct side *s, void (*take)(struct link *, char *))
{
    int n;
    for (int i = 0; s->kind != UDP && i < s->count; i++)
        drain_link(&s->links[i], take);
    if (s->kind != UDP)
        return;
    do {
        n = recvmmsg(s->links[0].fd, s->in_msg, BATCH, MSG_DONTWAIT, NULL);
        for (int i = 0; i < n; i++) {
            s->in[i][s->in_msg[i].msg_len] = 0;
            received++;
            take(&s->links[0], s->in[i]);
        }
        if (n < 0 && errno == ECONNREFUSED)
            refused++;
    } while (n == BATCH);
}

/* What to wait for: anything to read, and room where something is still queued. */
static int watch(struct side *s, struct pollfd *p)
{
    for (int i = 0; i < s->count; i++)
        p[i] = (struct pollfd){s->links[i].fd, POLLIN | (s->kind != UDP && s->links[i].out_size ? POLLOUT : 0), 0};
    return s->count;
}
