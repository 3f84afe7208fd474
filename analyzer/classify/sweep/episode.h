/* SPDX-License-Identifier: MIT
 *
 * Edges: the small dated facts of which the sweep over a listener is made, and the search for times in which
 * its accept queue was full. Shared by gather.c, which gathers edges, and episode.c, which reads them.
 */
#ifndef TCA_CLASSIFY_EPISODE_H
#define TCA_CLASSIFY_EPISODE_H

#include "classify/sweep/listener.h"

enum tca_edge_kind {
    TCA_EDGE_CHILD,   /* a child was created; other_ns: when accept() was proved, INT64_MAX never */
    TCA_EDGE_EARLY,   /* the same child, at the earliest moment possible; its CHILD edge is then `loose` */
    TCA_EDGE_SYNACK,  /* first SYN+ACK of a connection; other_ns: its last one; ask_ns: the third repeat by
                        timer, INT64_MAX never */
    TCA_EDGE_DROP,    /* a SYN that nothing answered */
    TCA_EDGE_IGNORED, /* ACK-bearing segments that did not create the child */
    TCA_EDGE_ABORTED, /* a third ACK answered by RST */
    TCA_EDGE_CLOSED,  /* active RST on a connection without any output: queued when its listener closed? */
    TCA_EDGE_DOUBT, /* ACK-bearing segments that may have been refused before the one that was not; other_ns: when
                         that passed, INT64_MAX never; ask_ns: when the application answered, INT64_MAX never */
    TCA_EDGE_HEARD, /* open before the capture, and the first payload seen is the server's: a late answer? */
};

struct tca_edge {
    int64_t time_ns, other_ns;
    int64_t
        ask_ns; /* CHILD: since when the client waits for the application, by what it sent; INT64_MAX never */
    uint64_t frame;
    uint32_t conn, listener;
    uint32_t weight; /* segments it stands for */
    uint8_t kind;    /* enum tca_edge_kind */
    bool weak;       /* has other explanations: joins an episode, never makes one */
    bool open_end;   /* DROP: the capture's last copy, other_ns says when the capture ended; CHILD: proved by
                        RST only */
    bool loose; /* CHILD: dated at the latest moment possible; an EARLY edge counts it; DOUBT: only of a SYN
                        cookie, for a request would have repeated its SYN+ACK; IGNORED: a bare ACK */
};

/* A segment that a full queue would have refused. */
static inline bool tca_is_refusal(const struct tca_edge *edge)
{
    return edge->kind == TCA_EDGE_DROP || edge->kind == TCA_EDGE_IGNORED || edge->kind == TCA_EDGE_ABORTED;
}

/* One connection, as much of it as the sweep needs. */
struct tca_conn {
    uint32_t host; /* number of the server's, which tells capture and address */
    uint16_t port;
    uint8_t family;
    bool served, stuck;         /* the server sent payload or FIN; a repeated SYN+ACK refuted an open */
    bool refused;               /* near the server its payload came in vain before there was a child */
    bool answers, speaks_first; /* the server sent payload; and before the client did */
    bool asked;                 /* the client sent payload */
    bool
        unknown; /* what the server said, or whether it did, is not in the capture: segments of it are missing */
    int64_t path_ns; /* round trip between the capture point and the server; -1: not known */
    bool opened;     /* a child was proved and no open refuted */
    bool over;       /* reset, closed by its client, or silent when something was due: it waits no more */
    uint64_t client; /* hash of the client's address: for counting only */
    uint32_t listener;
    uint32_t syns, synacks;
    bool folded;   /* for want of memory it is counted, and not looked at */
    uint32_t more; /* connections besides this one that it stands for: SYNs that nothing answered */
    uint32_t server_rtt_ns, client_rtt_ns; /* of a clean handshake, at most 4.29 s; UINT32_MAX: none */
    uint32_t flags;
    struct tca_tags tags;
    int64_t start_ns, last_ns, response_ns; /* response: -1 without one */
    uint64_t first_frame;
};

/* Over, and never served: no word of the service, or only that it closed what had asked, if it answers as a rule. */
static inline bool tca_conn_lost(const struct tca_listener *l, const struct tca_conn *conn)
{
    bool closed_unanswered = conn->asked && !conn->answers && 2 * l->spoke >= l->established && l->spoke;
    return conn->over && !conn->unknown && (!conn->served || closed_unanswered);
}

static inline bool tca_conn_waiting(const struct tca_conn *conn)
{
    return !conn->over && !conn->unknown && !conn->served;
}

/* When clients of established connections of one host repeated the same bytes or the same FIN in vain: where
 * such runs began, and where they ended, each sorted. A full accept queue does not do that. */
struct tca_losses {
    const int64_t *from_ns, *to_ns;
    size_t count;
};

/* While nothing is accepted a full queue stays full. So it refused this segment, the first one after a SYN cookie: behind
 * that there is neither a request which might have taken it, nor yet a child. Near the server that is sure; elsewhere it
 * is as likely as the episode, of those that never heard of the server again. */
bool tca_episode_refused(const struct tca_listener *l, const struct tca_episode *e,
                         const struct tca_conn *conn, const struct tca_edge *doubt);

/* Find the episodes of one listener. `edge`: its `count` edges by time and frame; `loss`: of its host;
 * `midstream`, `vantage` and the counters of `l` are filled. Sets peak_unaccepted, the backlog bounds, and
 * *ret_episode (owned by the caller, NULL if none) with episode_count, and their timeline, which goes with them. 0 or
 * TCA_EMEMORY. */
int tca_episodes_find(struct tca_listener *l, const struct tca_edge *edge, size_t count,
                      const struct tca_conn *conn, const struct tca_losses *loss,
                      struct tca_episode **ret_episode);

#endif
