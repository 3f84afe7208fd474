/* SPDX-License-Identifier: MIT
 *
 * Inside the sweep over listeners; shared by gather.c, which takes dossiers in, listener.c, which makes listeners of
 * connections, and sweep.c, which reads each listener's edges.
 *
 *     add:  dossier --> one struct tca_conn and its edges            gather.c
 *     list: conns by (capture, address, port)  --> which listeners there are, and from where each is seen   listener.c
 *     run:  of each, once: its conns           --> the listener      listener.c
 *           its edges by (time, frame)         --> bursts, episodes  sweep.c, episode.c
 */
#ifndef TCA_CLASSIFY_SWEEP_H
#define TCA_CLASSIFY_SWEEP_H

#include "classify/sweep/episode.h"
#include "classify/sweep/host.h"
#include "classify/sweep/kept.h"

enum tca_conn_flag {
    TCA_CONN_ESTABLISHED = 1 << 0,
    TCA_CONN_REFUSED = 1 << 1,
    TCA_CONN_UNANSWERED = 1 << 2,
    TCA_CONN_MIDSTREAM = 1 << 3,
    TCA_CONN_IDLE = 1 << 4,
    TCA_CONN_ONE_RUNG = 1 << 5,
    TCA_CONN_LONG_LADDER = 1 << 6,
    TCA_CONN_NAMED_ACK = 1 << 7,
    TCA_CONN_ABORTED = 1 << 8,
    TCA_CONN_CLOSE_WAIT = 1 << 9,
    TCA_CONN_TIME_WAIT_ABSENT = 1 << 10,
    TCA_CONN_SKEW = 1 << 11,
    TCA_CONN_COOKIE_SKEW = 1 << 12,
    TCA_CONN_FAST_OPEN = 1 << 13,
    TCA_CONN_COOKIE_BARE = 1 << 14, /* its SYN+ACK lacks options as only a cookie's does */
    TCA_CONN_TWO_RUNGS =
        1 << 15, /* given up after two repeats of its SYN+ACK, at 1 and 3 s, for all that is seen */
    TCA_CONN_GAP = 1 << 16,      /* segments of it passed and were not captured */
    TCA_CONN_DEFERRED = 1 << 17, /* its SYN+ACK was repeated where TCP_DEFER_ACCEPT puts it */
    TCA_CONN_OPTIONS = 1 << 18,  /* its SYN+ACK announces window scale or SACK */
    TCA_CONN_SHRUNK = 1 << 19,   /* the child took back a part of the window, as after a SYN cookie */
    TCA_CONN_CUT = 1 << 20,      /* the snap length cut options of its handshake */
    TCA_CONN_LATE_ASK = 1 << 22, /* after its ACK the client kept silent for a while, and so did the server */
    TCA_CONN_PROMPT = 1 << 21,   /* a bare ACK made its child: the server spoke before the client did */
};

/* A run of repeats that nothing acknowledged. */
struct tca_loss {
    int64_t from_ns, to_ns;
    uint32_t conn, listener;
};

/* A connection that stands for all such of its listener: the newest of each place in this table. */
struct tca_folded {
    uint32_t host; /* number of the server's */
    uint16_t port;
    uint32_t conn; /* its number, plus one; 0: none */
};
enum { TCA_FOLDED = 256, TCA_FOLDS_MAX = 4096 };

/* A reference for sorting connections by listener without moving them: edges know them by number. */
struct tca_conn_ref {
    struct tca_conn *conn;
};

/* What is known of a listener before it is built. */
struct tca_listener_row {
    size_t first;                         /* of its connections; before those of the next one */
    int64_t server_rtt_ns, client_rtt_ns; /* medians; -1: no clean handshake */
    enum tca_vantage vantage;
};

struct tca_sweep {
    enum tca_vantage user;
    struct tca_conn *conn; /* owned */
    size_t conns, conn_room;
    struct tca_folded folded[TCA_FOLDED];
    uint32_t folds;        /* connections that stand for several, in all */
    struct tca_edge *edge; /* owned */
    size_t edges, edge_room;
    struct tca_loss *loss; /* owned */
    size_t losses, loss_room;
    struct tca_kept kept; /* listeners, with their episodes and moments */
    uint64_t *place;      /* owned: of each its host's number and its port */
    size_t listeners;
    /* From listing them until they have run: */
    const struct tca_hosts *hosts; /* borrowed */
    struct tca_conn_ref *ref;      /* owned: all connections, those of each listener side by side */
    struct tca_listener_row *row;  /* owned: of each listener, and one behind them */
};

/* Number the listeners in order, tell every connection its number, and where the capture of each was taken. `hosts` is borrowed until
 * they have run. 0 or TCA_EMEMORY. */
int tca_sweep_listeners(struct tca_sweep *sweep, const struct tca_hosts *hosts);
/* What the connections of one show when simply counted; *l: nothing is known of it yet. `time`: room for one entry for each of
 * them. */
void tca_listener_build(const struct tca_sweep *sweep, size_t at, int64_t *time, struct tca_listener *l);
/* All listeners, with what all edges of each listener show together. 0 or TCA_EMEMORY. */
int tca_sweep_edges(struct tca_sweep *sweep, struct tca_crew *crew);

/* The number of a listener's host. */
static inline uint32_t tca_sweep_host(const struct tca_sweep *sweep, size_t listener)
{
    return (uint32_t)(sweep->place[listener] >> 16);
}

static inline int tca_compare_u32(uint32_t a, uint32_t b)
{
    return a < b ? -1 : a > b;
}

#endif
