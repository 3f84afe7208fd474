/* SPDX-License-Identifier: MIT
 *
 * The sockets of one host at one moment (choose.c).
 *
 *     census, clocks run to the moment --> sockets of the host that are there
 *     sweep over listeners             --> its LISTEN sockets
 *     trace, up to the moment          --> what of each socket is not acknowledged
 *
 * Send-Q is what passed and was not acknowledged yet, SYN and FIN counted as one as the kernel does
 * (net/ipv4/tcp_diag.c tcp_diag_get_info: write_seq - snd_una); what was not sent yet no capture shows.
 * Recv-Q is what the application has not read: 0 where nothing came, else not known.
 */
#include "engine/run.h"

#include "base/seq32.h"
#include "report/ss.h"

#include <stdlib.h>
#include <string.h>

/* ---- the sockets ---- */

/* A listed socket, and what passed of its connection until the moment. */
struct listed {
    struct tca_ss_socket told;
    uint32_t capture;
    uint64_t id_frame;
    uint8_t role;
    int64_t made_ns,
        accepted_ns; /* of a server end: since when it could be accepted, and when it had been; -1 */
    uint32_t first, end, acked; /* first number sent, end of what was sent, highest acknowledgment */
    bool sent, has_ack, got;    /* got: payload or a FIN passed towards it */
};

/* The accept queue of one port. */
struct queue {
    uint16_t port;
    int64_t newest_ns; /* when the newest child that had been accepted at the moment was made */
    int64_t waiting;
};

struct listing {
    struct tca_session *s;
    uint8_t host[16];
    int64_t time_ns;
    struct listed *list; /* owned */
    size_t count, room;
    struct queue *queue; /* owned, by port */
    size_t queues, queue_room;
};

static struct listed *add_listed(struct listing *l)
{
    void *list = tca_room(l->list, l->count, &l->room, sizeof *l->list);
    if (!list)
        return NULL;
    l->list = list;
    struct listed *one = &l->list[l->count++];
    memset(one, 0, sizeof *one);
    one->told.recv_q = one->told.send_q = -1;
    one->made_ns = one->accepted_ns = -1;
    return one;
}

static int64_t made_ns(const struct tca_socket *socket)
{
    for (unsigned at = 1; at < socket->step_count; at++)
        if (socket->step[at - 1].state == TCA_SYN_RECV && socket->step[at].state != TCA_CLOSED)
            return socket->step[at].time_ns;
    return socket->step[0].state == TCA_ESTABLISHED ? socket->step[0].time_ns : -1;
}

/* Sockets come by port. */
static int note_accepted(struct listing *l, const struct tca_socket *socket)
{
    struct queue *last = l->queues ? &l->queue[l->queues - 1] : NULL;
    if (!last || last->port != socket->port[0]) {
        void *list = tca_room(l->queue, l->queues, &l->queue_room, sizeof *l->queue);
        if (!list)
            return TCA_EMEMORY;
        l->queue = list;
        last = &l->queue[l->queues++];
        *last = (struct queue){.port = socket->port[0], .newest_ns = INT64_MIN};
    }
    int64_t made = made_ns(socket);
    if (made > last->newest_ns && socket->accepted_ns >= 0 && socket->accepted_ns <= l->time_ns)
        last->newest_ns = made;
    return TCA_OK;
}

/* Of what has just gone, or is about to come, the state that it may still, or already, be in. */
static enum tca_state state_listed(const struct tca_socket *socket, int64_t time_ns)
{
    enum tca_state state = tca_socket_state_at(socket, time_ns);
    if (state != TCA_CLOSED)
        return state;
    for (unsigned at = 0; at < socket->step_count; at++) {
        if (socket->step[at].time_ns > time_ns)
            return (enum tca_state)socket->step[at].state;
        if (socket->step[at].state != TCA_CLOSED)
            state = (enum tca_state)socket->step[at].state;
    }
    return state;
}

static int list_socket(void *user, const struct tca_socket *socket)
{
    struct listing *l = user;
    if (memcmp(socket->addr[0], l->host, sizeof l->host) != 0)
        return TCA_OK;
    int error = socket->role == TCA_SERVER ? note_accepted(l, socket) : TCA_OK;
    bool unsure = tca_socket_unsure_at(socket, l->time_ns);
    if (error || (tca_socket_state_at(socket, l->time_ns) == TCA_CLOSED && !unsure))
        return error;
    struct listed *one = add_listed(l);
    if (!one)
        return TCA_EMEMORY;
    memcpy(one->told.addr, socket->addr, sizeof one->told.addr);
    memcpy(one->told.port, socket->port, sizeof one->told.port);
    one->told.family = socket->family;
    one->told.state = (uint8_t)state_listed(socket, l->time_ns);
    one->told.unsure = unsure;
    one->capture = socket->capture;
    one->id_frame = socket->id_frame;
    one->role = socket->role;
    if (socket->role == TCA_SERVER) {
        one->made_ns = made_ns(socket);
        one->accepted_ns = socket->accepted_ns;
    }
    return TCA_OK;
}

/* ---- queues of connections, by the trace ---- */

static int by_flow(const void *a, const void *b)
{
    const struct listed *x = a, *y = b;
    if (x->capture != y->capture)
        return x->capture < y->capture ? -1 : 1;
    if (x->id_frame != y->id_frame)
        return x->id_frame < y->id_frame ? -1 : 1;
    return (int)x->role - (int)y->role;
}

static void note_sent(struct listed *one, const struct tca_trace *t)
{
    uint32_t end = t->seq + t->len + !!(t->flags & TCA_SYN) + !!(t->flags & TCA_FIN);
    if (!one->sent)
        one->first = t->seq;
    one->end = one->sent ? seq_max(one->end, end) : end;
    one->sent = true;
}

static void note_got(struct listed *one, const struct tca_trace *t)
{
    if (t->flags & TCA_ACK)
        one->acked = one->has_ack ? seq_max(one->acked, t->ack) : t->ack;
    one->has_ack |= (t->flags & TCA_ACK) != 0;
    one->got |= t->len || (t->flags & TCA_FIN);
}

static void note_segment(struct listing *l, const struct tca_trace *t)
{
    struct listed wanted = {.capture = t->capture, .id_frame = t->flow_frame};
    for (int role = 0; role < 2; role++) {
        wanted.role = (uint8_t)role;
        struct listed *one = bsearch(&wanted, l->list, l->count, sizeof wanted, by_flow);
        if (one && t->from == role)
            note_sent(one, t);
        else if (one)
            note_got(one, t);
    }
}

static int read_trace(struct listing *l)
{
    FILE *trace = l->s->trace;
    struct tca_trace t;
    if (!trace || !l->count)
        return TCA_OK;
    if (fseek(trace, 0, SEEK_SET))
        return TCA_EOUTPUT;
    while (fread(&t, sizeof t, 1, trace) == 1)
        if (t.time_ns <= l->time_ns && !t.icmp && !t.capture_copy && !(t.flags & TCA_RST))
            note_segment(l, &t);
    return ferror(trace) ? TCA_EOUTPUT : TCA_OK;
}

/* Mini-sockets have no queues, and what was acknowledged whole has nothing to send. */
static bool has_no_queue(const struct listed *one)
{
    enum tca_state state = (enum tca_state)one->told.state;
    return state == TCA_TIME_WAIT || (state == TCA_SYN_RECV && one->role == TCA_SERVER);
}

static void fill_queues(struct listed *one, bool traced)
{
    enum tca_state state = (enum tca_state)one->told.state;
    if (has_no_queue(one)) {
        one->told.recv_q = one->told.send_q = 0;
        return;
    }
    if (!traced || state == TCA_UNKNOWN || state == TCA_CLOSED)
        return;
    if (!one->got)
        one->told.recv_q = 0;
    int32_t waiting = seq_diff(one->end, one->has_ack ? one->acked : one->first);
    if (state == TCA_FIN_WAIT2 || waiting < 0)
        one->told.send_q = 0;
    else if (one->sent)
        one->told.send_q = waiting;
}

/* ---- listeners ---- */

static int by_port(const void *a, const void *b)
{
    const struct queue *x = a, *y = b;
    return (int)x->port - (int)y->port;
}

static struct queue *queue_of(const struct listing *l, uint16_t port)
{
    struct queue wanted = {.port = port};
    return l->queues ? bsearch(&wanted, l->queue, l->queues, sizeof wanted, by_port) : NULL;
}

/* Children that nothing shows to have been accepted: made after the newest one that was (accept() takes the oldest).
 */
static void fill_accept_queues(struct listing *l)
{
    for (size_t at = 0; at < l->count; at++) {
        const struct listed *one = &l->list[at];
        bool child = one->role == TCA_SERVER && one->made_ns >= 0 && one->made_ns <= l->time_ns;
        bool accepted = one->accepted_ns >= 0 && one->accepted_ns <= l->time_ns;
        struct queue *queue = child ? queue_of(l, one->told.port[0]) : NULL;
        if (queue && !accepted && one->made_ns > queue->newest_ns)
            queue->waiting++;
    }
}

/* Only while the application takes none are all that came after the newest accepted one known to wait, and no more
 * than the queue holds. */
static bool queue_known(const struct tca_listener *listener, int64_t time_ns, int64_t waiting)
{
    const struct tca_episode *episode = tca_listener_episode(listener, time_ns, 0);
    if (tca_listener_is_shared(listener)) /* in which of the queues a connection waits nobody sees */
        return false;
    if (!episode)
        return !waiting && !listener->midstream;
    bool fits = !tca_backlog_has_max(&listener->backlog) || waiting <= (int64_t)listener->backlog.max + 1;
    return fits && !episode->slow && !episode->answered;
}

static int list_listener(struct listing *l, const struct tca_listener *listener)
{
    const struct queue *queue = queue_of(l, listener->port);
    int64_t waiting = queue ? queue->waiting : 0;
    struct listed *one = add_listed(l);
    if (!one)
        return TCA_EMEMORY;
    memcpy(one->told.addr[0], listener->addr, sizeof one->told.addr[0]);
    one->told.port[0] = listener->port;
    one->told.family = listener->family;
    one->told.state = TCA_LISTEN;
    one->capture = listener->capture;
    one->told.recv_q = queue_known(listener, l->time_ns, waiting) ? waiting : -1;
    if (listener->backlog.min == listener->backlog.max)
        one->told.send_q = (int64_t)listener->backlog.max;
    return TCA_OK;
}

static int list_listeners(struct listing *l)
{
    int error = TCA_OK;
    for (size_t at = 0; at < tca_swept_listeners(l->s) && !error; at++) {
        struct tca_listener room;
        const struct tca_listener *one = tca_swept_listener(l->s, at, &room);
        bool here = one->listens && one->first_synack_ns <= l->time_ns && !memcmp(one->addr, l->host, 16);
        if (here)
            error = list_listener(l, one);
    }
    return error;
}

/* ---- all of it ---- */

/* Sure ones first, listeners before connections; then by ends. Of one end in several captures the last capture's. */
static int by_line(const void *a, const void *b)
{
    const struct listed *x = a, *y = b;
    if (x->told.unsure != y->told.unsure)
        return x->told.unsure ? 1 : -1;
    bool listens[2] = {x->told.state == TCA_LISTEN, y->told.state == TCA_LISTEN};
    if (listens[0] != listens[1])
        return listens[0] ? -1 : 1;
    for (int end = 0; end < 2; end++) {
        int order = memcmp(x->told.addr[end], y->told.addr[end], sizeof x->told.addr[end]);
        if (order)
            return order;
        if (x->told.port[end] != y->told.port[end])
            return x->told.port[end] < y->told.port[end] ? -1 : 1;
    }
    return by_flow(x, y);
}

static int write_listing(const struct listing *l, tca_write_fn *fn, void *user)
{
    struct tca_ss_socket *told = tca_grow(NULL, l->count + 1, sizeof *told);
    if (!told)
        return TCA_EMEMORY;
    size_t count = 0;
    for (size_t at = 0; at < l->count; at++) {
        const struct tca_ss_socket *one = &l->list[at].told, *before = count ? &told[count - 1] : NULL;
        bool again = before && one->state == TCA_LISTEN && before->state == TCA_LISTEN &&
                     one->port[0] == before->port[0] && !memcmp(one->addr, before->addr, sizeof one->addr);
        told[again ? count - 1 : count] = *one;
        count += !again;
    }
    for (size_t at = 0; at < count; at++)
        for (int end = 0; end < 2; end++)
            tca_anon_address(l->s->anon, told[at].addr[end], told[at].addr[end]);
    int error = tca_ss_write(told, count, fn, user);
    tca_free(told);
    return error;
}

static int make_listing(struct listing *l)
{
    struct tca_census *census = NULL;
    int error = tca_census_until(l->s, l->time_ns, &census);
    if (!error)
        error = tca_census_sockets(census, list_socket, l);
    tca_census_free(census);
    if (l->count)
        qsort(l->list, l->count, sizeof *l->list, by_flow);
    if (!error)
        error = read_trace(l);
    fill_accept_queues(l);
    for (size_t at = 0; at < l->count; at++)
        fill_queues(&l->list[at], l->s->trace != NULL);
    if (!error)
        error = list_listeners(l);
    if (l->count)
        qsort(l->list, l->count, sizeof *l->list, by_line);
    return error;
}

int tca_write_ss(struct tca_session *s, tca_write_fn *fn, void *user, struct tca_error *error)
{
    struct listing l = {.s = s};
    int code = tca_choose_time(s, &l.time_ns, error);
    if (!code)
        code = tca_choose_host(s, l.host, error);
    if (code)
        return code;
    code = make_listing(&l);
    if (!code)
        code = write_listing(&l, fn, user);
    tca_free(l.list);
    tca_free(l.queue);
    if (!code)
        tca_tell_lateness(s, l.time_ns, error);
    return tca_words(error, code);
}
