/* SIP for the benchmark: caller and callee in one process, a fixed number of units under way, every answer verified.
 *
 *     load WORKLOAD TRANSPORT SERVER-PORT CALLEE-PORT WINDOW SECONDS RATE USERS [COUNT]
 *     load flood SERVER-PORT RATE SECONDS
 *     load echo PORT
 *
 * WORKLOAD   options, unauth, register, message, call, message_auth, call_auth, bindings, ringing
 * TRANSPORT  udp, tcp, or tls:FILE where FILE holds the authority that the server's certificate must come from
 * WINDOW     units under way at once (a new one starts when one ends)
 * SECONDS    how long new ones are started; COUNT ends it earlier and numbers the users one by one (bindings)
 * RATE       units a second at most, evenly spaced; 0: as fast as the server answers
 *
 * It registers what it needs, prints "ready", waits for a line, runs, and prints one line of JSON.  The trusted caller sends
 * from 127.0.0.2, everybody else from 127.0.0.1 or, over TCP and TLS, from 127.0.1.1 to 127.0.1.16, one connection each.  Each
 * transport has USERS users of its own.  A unit that makes no progress for two seconds is lost; nothing is sent again.
 *
 * `bindings` registers another user each time, `ringing` makes calls that nobody ever answers (a unit is done when it rings);
 * `flood` sends OPTIONS and REGISTER by turns from 127.0.0.3, and counts what comes back.
 */
#define _GNU_SOURCE
#include <sys/prctl.h>
#include <time.h>

#include "md5.h"
#include "wire.h"

#define MOST 4096
#define DOMAIN "bench.example"
#define PASSWORD "correct horse"

static struct side phones, neighbour, *caller, *callee = &phones;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

/* ---- units -------------------------------------------------------------------------------------------------------- */
enum state { FREE, FIRST, AGAIN, RINGING, BYING };
struct slot {
    enum state state;
    unsigned seq, user;
    int arrived, acked;
    double moved, began;
    char nonce[256], realm[128], opaque[128];
};
static struct slot slots[MOST];
static unsigned next_seq, users, base, free_slots[MOST], free_count;
static unsigned long done, lost, wrong, strays, started, late;
static char wrong_text[ROOM];
static const char *method;
static int is_call, is_relayed, is_register, with_auth, expects_401, own_user_each, only_rings;
static double took_total, took_most;

static const char sdp[] = "v=0\r\no=- 3724394400 3724394405 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\n"
                          "m=audio 49170 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n";

static void credentials(struct slot *u, const char *how, const char *uri, char *out)
{
    char text[1024], ha1[33], ha2[33], response[33];
    md5_hex(text, sprintf(text, "u%u:%s:" PASSWORD, base + u->user, u->realm), ha1);
    md5_hex(text, sprintf(text, "%s:%s", method, uri), ha2);
    md5_hex(text, sprintf(text, "%s:%s:00000001:%08x:auth:%s", ha1, u->nonce, u->seq, ha2), response);
    char *p = out + sprintf(out,
                            "%s: Digest username=\"u%u\", realm=\"%s\", nonce=\"%s\", uri=\"%s\", response=\"%s\", algorithm=MD5, "
                            "cnonce=\"%08x\", qop=auth, nc=00000001",
                            how, base + u->user, u->realm, u->nonce, uri, response, u->seq);
    if (u->opaque[0])
        p += sprintf(p, ", opaque=\"%s\"", u->opaque);
    strcpy(p, "\r\n");
}

static unsigned called(const struct slot *u)
{
    return base + users - 1 - u->user;
}

static void send_first(struct slot *u)
{
    struct link *from = link_of(caller, u->user), *at = link_of(callee, u->user);
    unsigned index = u - slots, cseq = u->state == AGAIN ? 2 : 1;
    char auth[1024] = "", uri[64];
    char *out = begin(from);
    int n;
    if (is_relayed)
        sprintf(uri, "sip:u%u@" DOMAIN, called(u));
    else
        strcpy(uri, "sip:" DOMAIN);
    if (u->state == AGAIN)
        credentials(u, is_register ? "Authorization" : "Proxy-Authorization", uri, auth);
    n = sprintf(out,
                "%s %s SIP/2.0\r\nVia: SIP/2.0/%s %s:%d;branch=z9hG4bK%04x%08x%u;rport\r\nMax-Forwards: 70\r\n"
                "From: <sip:u%u@" DOMAIN ">;tag=f%08x\r\nTo: <sip:u%u@" DOMAIN ">\r\nCall-ID: b%04x-%08x\r\nCSeq: %u %s\r\n%s"
                "User-Agent: twsip bench 1\r\n",
                method, uri, kind_names[caller->kind], from->host, from->port, index, u->seq, cseq, base + u->user, u->seq,
                is_relayed ? called(u) : base + u->user, index, u->seq, cseq, method, auth);
    if (is_register)
        n += sprintf(out + n, "Contact: <sip:u%u@%s:%d%s>\r\nExpires: 3600\r\nAllow: INVITE, ACK, CANCEL, BYE, MESSAGE, OPTIONS\r\nContent-Length: 0\r\n\r\n",
                     base + u->user, at->host, at->port, kind_parameters[callee->kind]);
    else if (is_call)
        n += sprintf(out + n, "Contact: <sip:u%u@%s:%d%s>\r\nAllow: INVITE, ACK, CANCEL, BYE, MESSAGE, OPTIONS\r\nContent-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
                     base + u->user, from->host, from->port, kind_parameters[caller->kind], sizeof sdp - 1, sdp);
    else if (is_relayed)
        n += sprintf(out + n, "Content-Type: text/plain\r\nContent-Length: 19\r\n\r\nunit b%04x-%08x", index, u->seq);
    else
        n += sprintf(out + n, "Accept: application/sdp\r\nContent-Length: 0\r\n\r\n");
    queue(from, n);
    u->moved = now();
}

static void start(void)
{
    struct slot *u = &slots[free_slots[--free_count]];
    u->state = FIRST;
    u->seq = ++next_seq;
    u->user = own_user_each ? started : started % users;
    u->arrived = u->acked = 0;
    started++;
    u->began = now();
    send_first(u);
}

static void end(struct slot *u, int well)
{
    double took = now() - u->began;
    if (well) {
        done++;
        took_total += took;
        if (took > took_most)
            took_most = took;
    }
    u->state = FREE;
    free_slots[free_count++] = u - slots;
}

static void bad(struct slot *u, const char *why, const char *text)
{
    if (!wrong++)
        snprintf(wrong_text, sizeof wrong_text, "%s: %.160s", why, text);
    if (u)
        end(u, 0);
}

/* The value of the header that begins at this line start, or NULL; names as the servers write them: in full. */
static char *value(char *line, const char *name)
{
    size_t n = strlen(name);
    if (strncasecmp(line, name, n) || line[n] != ':')
        return NULL;
    line += n + 1;
    while (*line == ' ')
        line++;
    return line;
}

static char *find(char *message, const char *name)
{
    for (char *p = strstr(message, "\r\n"); p && p[2] != '\r'; p = strstr(p + 2, "\r\n")) {
        char *found = value(p + 2, name);
        if (found)
            return found;
    }
    return NULL;
}

static struct slot *owner(char *message)
{
    char *id = find(message, "Call-ID");
    unsigned index, seq;
    if (!id || sscanf(id, "b%4x-%8x", &index, &seq) != 2 || index >= MOST)
        return NULL;
    struct slot *u = &slots[index];
    return u->state != FREE && u->seq == seq ? u : NULL;
}

static int parameter(const char *line, const char *name, char *out, size_t room)
{
    const char *end = strstr(line, "\r\n"), *p = line;
    size_t n = strlen(name);
    out[0] = 0;
    while ((p = strcasestr(p, name)) && p < end) {
        if ((p[-1] == ' ' || p[-1] == ',') && p[n] == '=') {
            p += n + 1;
            size_t size = *p == '"' ? strcspn(++p, "\"") : strcspn(p, ", \r");
            if (size >= room)
                return 0;
            memcpy(out, p, size);
            out[size] = 0;
            return 1;
        }
        p += n;
    }
    return 0;
}

static int challenged(struct slot *u, char *message, const char *name)
{
    char algorithm[32];
    for (char *p = strstr(message, "\r\n"); p && p[2] != '\r'; p = strstr(p + 2, "\r\n")) {
        char *v = value(p + 2, name);
        if (!v || (parameter(v, "algorithm", algorithm, sizeof algorithm) && strcasecmp(algorithm, "MD5")))
            continue;
        parameter(v, "opaque", u->opaque, sizeof u->opaque);
        return parameter(v, "nonce", u->nonce, sizeof u->nonce) && parameter(v, "realm", u->realm, sizeof u->realm);
    }
    return 0;
}

static int copy_line(char *out, const char *name, const char *from)
{
    return sprintf(out, "%s: %.*s\r\n", name, (int)strcspn(from, "\r"), from);
}

/* ACK or BYE of the dialog that this 200 made, along its Record-Route; or the ACK of a 407, which has no Route. */
static void send_within(struct slot *u, char *message, const char *what, unsigned cseq, unsigned branch)
{
    struct link *from = link_of(caller, u->user);
    char *out = begin(from), *contact = find(message, "Contact"), *routes[8];
    unsigned index = u - slots;
    int n, count = 0, inside = branch != 1;
    if (inside && contact && (contact = strchr(contact, '<')))
        n = sprintf(out, "%s %.*s SIP/2.0\r\n", what, (int)strcspn(contact + 1, ">"), contact + 1);
    else
        n = sprintf(out, "%s sip:u%u@" DOMAIN " SIP/2.0\r\n", what, called(u));
    n += sprintf(out + n, "Via: SIP/2.0/%s %s:%d;branch=z9hG4bK%04x%08x%u;rport\r\nMax-Forwards: 70\r\n",
                 kind_names[caller->kind], from->host, from->port, index, u->seq, branch);
    for (char *p = strstr(message, "\r\n"); inside && p && p[2] != '\r' && count < 8; p = strstr(p + 2, "\r\n")) {
        char *v = value(p + 2, "Record-Route");
        if (v)
            routes[count++] = v;
    }
    while (count)
        n += copy_line(out + n, "Route", routes[--count]);
    n += copy_line(out + n, "From", find(message, "From"));
    n += copy_line(out + n, "To", find(message, "To"));
    n += sprintf(out + n, "Call-ID: b%04x-%08x\r\nCSeq: %u %s\r\nContent-Length: 0\r\n\r\n", index, u->seq, cseq, what);
    queue(from, n);
}

static void answered(struct link *from, char *message)
{
    (void)from;
    if (strncmp(message, "SIP/2.0 ", 8)) {
        bad(NULL, "the caller got a request", message);
        return;
    }
    struct slot *u = owner(message);
    char *cseq = find(message, "CSeq");
    int status = atoi(message + 8);
    unsigned number = cseq ? strtoul(cseq, NULL, 10) : 0;
    if (!u || (u->state == AGAIN && number == 1) || (u->state == BYING && strstr(cseq, "INVITE"))) {
        strays++; /* sent again, or for a unit that has ended */
        return;
    }
    u->moved = now();
    if (status < 200) {
        if (status == 180 && !u->arrived)
            bad(u, "ringing without an INVITE", message);
        else if (status == 180 && only_rings)
            end(u, 1);
        return;
    }
    if (u->state == FIRST && (status == 401 || status == 407)) {
        if (expects_401) {
            find(message, "WWW-Authenticate") ? end(u, 1) : bad(u, "no challenge", message);
        } else if (with_auth && challenged(u, message, status == 401 ? "WWW-Authenticate" : "Proxy-Authenticate")) {
            if (is_call)
                send_within(u, message, "ACK", 1, 1);
            u->state = AGAIN;
            send_first(u);
        } else {
            bad(u, "an unexpected challenge", message);
        }
        return;
    }
    if (status != 200 || expects_401) {
        bad(u, "a wrong status", message);
    } else if (is_relayed && !u->arrived) {
        bad(u, "200 for what never arrived", message);
    } else if (!is_call) {
        if (is_register && !find(message, "Contact"))
            bad(u, "200 to REGISTER without Contact", message);
        else
            end(u, 1);
    } else if (u->state != BYING) {
        send_within(u, message, "ACK", number, 5);
        u->state = BYING;
        send_within(u, message, "BYE", number + 1, 6);
    } else if (!u->acked) {
        bad(u, "the ACK never arrived", message);
    } else {
        end(u, 1);
    }
}

static void answer(struct link *to, char *request, int status, const char *reason)
{
    char *out = begin(to);
    int n = sprintf(out, "SIP/2.0 %d %s\r\n", status, reason);
    static const char *const kept[] = {"Via", "From", "To", "Call-ID", "CSeq", "Record-Route"};
    for (char *p = strstr(request, "\r\n"); p && p[2] != '\r'; p = strstr(p + 2, "\r\n"))
        for (int i = 0; i < 6; i++) {
            char *v = value(p + 2, kept[i]);
            if (!v)
                continue;
            n += copy_line(out + n, kept[i], v);
            if (i == 2 && !strstr(out + n - strcspn(v, "\r") - 2, ";tag="))
                n += sprintf(out + n - 2, ";tag=callee1\r\n") - 2;
            break;
        }
    n += sprintf(out + n, "Contact: <sip:callee@%s:%d%s>\r\n", to->host, to->port, kind_parameters[to->side->kind]);
    if (is_call && status == 200 && !strncmp(request, "INVITE", 6))
        n += sprintf(out + n, "Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s", sizeof sdp - 1, sdp);
    else
        n += sprintf(out + n, "Content-Length: 0\r\n\r\n");
    queue(to, n);
}

static void ring(struct link *from, char *invite)
{
    answer(from, invite, 180, "Ringing");
    if (!only_rings)
        answer(from, invite, 200, "OK");
}

static void asked(struct link *from, char *message)
{
    struct slot *u = owner(message);
    if (!u || !strncmp(message, "SIP/2.0 ", 8)) {
        strays++;
        return;
    }
    u->moved = now();
    if (!strncmp(message, "ACK ", 4)) {
        u->acked = 1;
    } else if (!strncmp(message, "INVITE ", 7)) {
        char *body = strstr(message, "\r\n\r\n");
        if (!body || strcmp(body + 4, sdp))
            bad(u, "the INVITE's body changed", message);
        else if (u->arrived++)
            strays++;
        else
            ring(from, message);
    } else if (!strncmp(message, "BYE ", 4)) {
        answer(from, message, 200, "OK");
    } else if (!strncmp(message, "MESSAGE ", 8)) {
        char text[32], *body = strstr(message, "\r\n\r\n");
        sprintf(text, "unit b%04x-%08x", (unsigned)(u - slots), u->seq);
        if (!body || strcmp(body + 4, text))
            bad(u, "the MESSAGE's body changed", message);
        else if (u->arrived++)
            strays++;
        else
            answer(from, message, 200, "OK");
    } else {
        bad(u, "the callee got an unexpected request", message);
    }
}

static void run(unsigned window, double seconds, double rate, unsigned long count)
{
    double begin_at = now(), next = begin_at, swept = begin_at;
    struct pollfd all[2 * LINKS];
    for (;;) {
        double t = now();
        int starting = t - begin_at < seconds && started < count;
        unsigned under_way = MOST - free_count;
        while (starting && under_way < window && (rate == 0 || next <= t) && started < count) {
            start();
            under_way++;
            if (rate > 0)
                next += 1 / rate;
        }
        if (rate > 0 && next < t - 0.01 && under_way >= window)
            late++, next = t; /* the server does not keep up: leave out, do not pile up */
        flush(caller);
        if (!starting && under_way == 0)
            return;
        double wait = rate > 0 && starting && next > t ? next - t : 0.05;
        struct timespec limit = {0, wait > 0.05 ? 50000000 : (long)(wait * 1e9)};
        int watched = watch(caller, all);
        if (callee != caller)
            watched += watch(callee, all + watched);
        ppoll(all, watched, &limit, NULL);
        drain(caller, answered);
        if (callee != caller)
            drain(callee, asked);
        flush(caller);
        flush(callee);
        if (t - swept > 0.1) {
            swept = t;
            for (unsigned i = 0; i < MOST; i++)
                if (slots[i].state != FREE && t - slots[i].moved > 2.0)
                    lost++, end(&slots[i], 0);
        }
    }
}

/* The floor below every server: one process that receives a request and sends it back as a 200, and does nothing else. */
static int echo(int port)
{
    static char data[ROOM + 1], out[ROOM + 64];
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(port)}, from;
    int fd = socket(AF_INET, SOCK_DGRAM, 0), room = 8 << 20;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    inet_pton(AF_INET, "127.0.0.1", &here.sin_addr);
    if (bind(fd, (void *)&here, sizeof here))
        return perror("load: echo"), 2;
    for (;;) {
        socklen_t size = sizeof from;
        ssize_t n = recvfrom(fd, data, ROOM, 0, (void *)&from, &size);
        if (n <= 0)
            continue;
        data[n] = 0;
        char *rest = strstr(data, "\r\n");
        if (!rest)
            continue;
        size_t tail = n - (rest - data);
        memcpy(out, "SIP/2.0 200 OK", 14);
        memcpy(out + 14, rest, tail);
        sendto(fd, out, 14 + tail, 0, (void *)&from, size);
    }
}

/* A source that nobody wants: OPTIONS and REGISTER by turns at this rate, until the time or standard input ends. */
static int flood(int server, double rate, double seconds)
{
    static char data[ROOM];
    struct link *l = &phones.links[0];
    open_side(&phones, UDP, "127.0.0.3", 0, server);
    printf("ready\n");
    fflush(stdout);
    double begin_at = now(), t = begin_at;
    unsigned long count = 0, back = 0, due = 0, skipped = 0;
    struct pollfd input = {0, POLLIN, 0};
    while ((t = now()) - begin_at < seconds && !poll(&input, 1, 0)) {
        due = (t - begin_at) * rate - skipped;
        if (due > count + 2048) /* this machine does not keep up: the rate will say so, nothing piles up */
            skipped += due - count - 2048, due = count + 2048;
        for (; count < due; count++) {
            const char *name = count & 1 ? "REGISTER" : "OPTIONS";
            queue(l, sprintf(begin(l),
                             "%s sip:" DOMAIN " SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.3:%d;branch=z9hG4bKfl%08lx;rport\r\nMax-Forwards: 70\r\n"
                             "From: <sip:u%lu@" DOMAIN ">;tag=f%08lx\r\nTo: <sip:u%lu@" DOMAIN ">\r\nCall-ID: fl%08lx\r\nCSeq: 1 %s\r\n"
                             "Contact: <sip:u%lu@127.0.0.3:%d>\r\nUser-Agent: flood\r\nContent-Length: 0\r\n\r\n",
                             name, l->port, count, count % 1000, count, count % 1000, count, name, count % 1000, l->port));
        }
        flush(&phones);
        for (ssize_t n; (n = recv(l->fd, data, sizeof data, 0)) > 0 || (n < 0 && errno == ECONNREFUSED);)
            back += n > 0;
        struct timespec rest = {0, 300000};
        nanosleep(&rest, NULL);
    }
    t = now() - begin_at;
    printf("{\"sent\": %lu, \"seconds\": %.3f, \"answered\": %lu}\n", sent, t, back);
    return 0;
}

static void choose(const char *workload)
{
    with_auth = strstr(workload, "_auth") || !strcmp(workload, "register");
    is_register = !strcmp(workload, "register") || !strcmp(workload, "unauth") || !strcmp(workload, "bindings");
    expects_401 = !strcmp(workload, "unauth");
    own_user_each = !strcmp(workload, "bindings");
    only_rings = !strcmp(workload, "ringing");
    is_call = only_rings || !strncmp(workload, "call", 4);
    is_relayed = is_call || !strncmp(workload, "message", 7);
    method = is_register ? "REGISTER" : is_call ? "INVITE" : is_relayed ? "MESSAGE" : "OPTIONS";
}

static void reset(void)
{
    done = lost = wrong = strays = started = late = sent = received = refused = 0;
    took_total = took_most = 0;
    free_count = 0;
    for (int i = MOST; i--;)
        slots[i].state = FREE, free_slots[free_count++] = i;
}

static enum kind transport(const char *word)
{
    if (!strcmp(word, "udp"))
        return UDP;
    if (!strcmp(word, "tcp"))
        return TCP;
#ifdef WITH_TLS
    if (!strncmp(word, "tls:", 4)) {
        authority = word + 4;
        return TLS;
    }
#endif
    give_up("no such transport here", word);
    return UDP;
}

int main(int argc, char **argv)
{
    prctl(PR_SET_TIMERSLACK, 1);
    if (argc == 3 && !strcmp(argv[1], "echo"))
        return echo(atoi(argv[2]));
    if (argc == 5 && !strcmp(argv[1], "flood"))
        return flood(atoi(argv[2]), atof(argv[3]), atof(argv[4]));
    if (argc < 9)
        return fprintf(stderr, "load WORKLOAD TRANSPORT SERVER-PORT CALLEE-PORT WINDOW SECONDS RATE USERS [COUNT]\n"), 2;
    const char *workload = argv[1];
    enum kind kind = transport(argv[2]);
    int server = atoi(argv[3]), callee_port = atoi(argv[4]);
    unsigned window = atoi(argv[5]);
    double seconds = atof(argv[6]), rate = atof(argv[7]);
    users = atoi(argv[8]), base = kind * users;
    unsigned long count = argc > 9 ? strtoul(argv[9], NULL, 10) : ~0ul;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    next_seq = (unsigned)t.tv_sec * 1000003u + (unsigned)getpid() * 4099u; /* no Call-ID of an earlier run */
    md5_begin();
    window = window > MOST ? MOST : window;

    open_side(&phones, kind, NULL, callee_port, server);
    choose("register");
    if (strcmp(workload, "bindings") && strcmp(workload, "options") && strcmp(workload, "unauth")) {
        caller = &phones; /* everybody registers: somebody must be there to be called */
        reset();
        run(window < 32 ? window : 32, 20, 0, users);
        if (done != users)
            return printf("{\"error\": \"only %lu of %u users could register; lost %lu, wrong %lu (%s)\"}\n", done, users, lost, wrong,
                          wrong_text), 1;
    }
    choose(workload);
    int trusted = own_user_each || (!is_register && !with_auth);
    if (is_register && !trusted) /* as a phone does it: from where it wants to be called */
        caller = &phones;
    else
        open_side(caller = &neighbour, kind, trusted ? "127.0.0.2" : "127.0.0.1", 0, server);
    reset();
    if (!own_user_each && !only_rings)
        run(window, seconds < 0.6 ? seconds / 2 : 0.3, rate, ~0ul); /* warm up */
    unsigned long early_lost = lost, early_wrong = wrong;
    char early_text[ROOM], line[64];
    strcpy(early_text, wrong_text);
    reset();
    printf("ready\n");
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin))
        return 1;
    double begin_at = now();
    run(window, seconds, rate, count);
    double took = now() - begin_at;
    for (char *p = early_wrong ? early_text : wrong_text; *p; p++)
        if (*p == '"' || *p == '\\' || *p < 32)
            *p = ' ';
    printf("{\"units\": %lu, \"seconds\": %.6f, \"lost\": %lu, \"wrong\": %lu, \"strays\": %lu, \"late\": %lu, \"refused\": %lu, "
           "\"sent\": %lu, \"received\": %lu, \"mean_ms\": %.3f, \"most_ms\": %.3f, \"cipher\": \"%s\", \"why\": \"%.200s\"}\n",
           done, took, lost + early_lost, wrong + early_wrong, strays, late, refused, sent, received,
           done ? took_total / done * 1e3 : 0, took_most * 1e3, cipher, early_wrong ? early_text : wrong_text);
    return 0;
}
