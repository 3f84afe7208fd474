/* SPDX-License-Identifier: MIT
 *
 * The listener: what all connections of one server address and port show together. Built by a sweep in time
 * order over small facts of each dossier, before any flow is judged.
 *
 *     dossier --> edges: SYN unanswered, SYN+ACK, child created (and when proved accepted), ACK ignored
 *     edges, sorted by listener and time --> candidates of the accept queue at every edge --> episodes
 *
 * The result does not depend on the order in which dossiers were added. Time is n log n and memory
 * proportional to the number of edges, whatever the capture holds.
 */
#ifndef TCA_CLASSIFY_LISTENER_H
#define TCA_CLASSIFY_LISTENER_H

#include "base/crew.h"
#include "classify/read/dossier.h"

#define TCA_NEAR_NS INT64_C(300000) /* a round trip below 0.3 ms touches the host */

enum tca_vantage {
    TCA_VANTAGE_UNKNOWN,
    TCA_VANTAGE_CLIENT,
    TCA_VANTAGE_SERVER,
    TCA_VANTAGE_MIDDLE,
    TCA_VANTAGE_SAME_HOST,
};

/* The capture sees what reaches the server's kernel: at the server, or where both ends are one host. */
static inline bool tca_near_server(enum tca_vantage vantage)
{
    return vantage == TCA_VANTAGE_SERVER || vantage == TCA_VANTAGE_SAME_HOST;
}

/* A time in which the accept queue was full. Times are ns since the epoch. */
struct tca_episode {
    int64_t first_ns, last_ns; /* first and last dropped SYN or ignored ACK */
    int64_t full_ns;           /* the first that has no other explanation of its own */
    int64_t stall_ns;          /* last proof of accept() before it; -1: none in the capture */
    int64_t idle_ns;   /* so long after stall_ns nobody came, if that was long: no part of the stall */
    int64_t resume_ns; /* first proof of accept() after it; -1: none in the capture */
    uint32_t drops;    /* SYNs left unanswered */
    uint32_t ignored;  /* ACK-bearing segments of requests that stayed requests */
    uint32_t aborted;  /* third ACKs answered by RST: the same refusal with tcp_abort_on_overflow */
    uint32_t flows;    /* connections hit */
    uint32_t clients;  /* different client addresses hit */
    uint32_t lost;     /* of the flows: never served, and over */
    uint32_t unknown;  /* of the flows: what became of them is not in the capture */
    uint32_t waiting;  /* of the flows: still waiting when the capture ended */
    uint32_t
        held; /* connections that had got a place and waited in it, as far as the service did not accept */
    uint32_t held_unserved; /* of these: without a word until the capture ended */
    int64_t held_ns;        /* how long the first of them waited for its first word; -1: it never came */
    uint32_t plateau_min, plateau_max; /* candidates for the accept queue at the drops */
    uint32_t answered; /* SYN+ACKs for new SYNs sent between the drops: 0 in a frozen service */
    bool burst_after;  /* SYN+ACKs again after the last drop */
    bool slow;         /* answers and drops interleave: accepts too slowly, without ever stopping */
    bool open_end;     /* as full as at the drops when the capture ended, and nothing was accepted since */
    bool partial;      /* one queue of several behind this port (SO_REUSEPORT); the others went on */
    enum tca_confidence_level {
        TCA_EPISODE_POSSIBLE = 1,
        TCA_EPISODE_PROBABLE,
        TCA_EPISODE_CERTAIN
    } confidence;
    uint64_t first_frame, last_frame;
    uint32_t capture;
};
enum { TCA_EPISODES_MAX = 32 };

/* At least and at most so many. */
struct tca_bounds {
    uint64_t min, max;
};

struct tca_timeline;

/* What set two bounds: when the lower one was set, and segments to look at; 0: none. */
struct tca_proof {
    int64_t time_ns;
    uint64_t frame[2];
};

/* SYNs were dropped because the SYN queue was full, and no cookies were sent instead. */
struct tca_synq_full {
    int64_t first_ns;
    uint64_t frame[2];  /* of the first and the last */
    uint64_t limit;     /* half-open connections then */
    uint8_t confidence; /* enum tca_confidence; 0: it did not happen */
};

/* SYN cookies of the highest confidence that any interval of them has. */
struct tca_cookied {
    int64_t first_ns;
    uint64_t frame[2];  /* of the first and the last */
    uint64_t flows;     /* connections that were answered so */
    uint8_t confidence; /* enum tca_confidence; 0: there were none */
};

/* What kind of pressure came in SYNs. */
enum tca_flood_kind {
    TCA_FLOOD_NONE,
    TCA_FLOOD_SPOOFED, /* from forged addresses that never answer */
    TCA_FLOOD_DIRECT,  /* from a few real hosts that do not complete */
    TCA_FLOOD_CROWD,   /* real clients, only too many */
};

enum tca_backlog_basis {
    TCA_BACKLOG_UNKNOWN,
    TCA_BACKLOG_CANDIDATES, /* from above: no more connections waited when SYNs were dropped */
    TCA_BACKLOG_FROZEN,     /* both: the application took none while the queue filled */
    TCA_BACKLOG_BEGUN,   /* the same, and it took none from the capture's beginning on: older connections that
                               nothing was heard of may have stood in the queue as well */
    TCA_BACKLOG_CLOSED,  /* the listener was closed and reset its whole queue */
    TCA_BACKLOG_PRUNED,  /* half-open requests were given up early: more than half the limit were there */
    TCA_BACKLOG_COOKIES, /* half-open requests when SYN cookies began */
    TCA_BACKLOG_KNOWN,   /* from above: net.core.somaxconn, which the user told */
    TCA_BACKLOG_SYNQ,    /* half-open requests that were there at one time; no cookie was sent */
};

/* SYNs were refused by resets: nothing listened, from some time after the last SYN that was answered. */
struct tca_outage {
    int64_t before_ns, first_ns,
        until_ns; /* last answered, first refused, next answered; INT64_MIN, INT64_MAX: none */
};
enum { TCA_OUTAGES_MAX = 4 };

struct tca_listener {
    uint8_t addr[16];
    uint16_t port;
    uint8_t family;
    uint32_t capture; /* ordinal of the capture; listeners of different captures are kept apart */
    /* When it was first and last heard of, the frame that began it, and what wrapped that frame. */
    int64_t first_seen_ns, last_seen_ns;
    uint64_t first_frame;
    struct tca_tags tags;
    uint32_t give_ups, give_up_syns; /* connections that ended without an answer, and their most SYNs */
    uint64_t flows, established, refused, unanswered;
    uint64_t midstream; /* flows that were open before the capture began: the queue may hold more */
    uint64_t
        gaps; /* flows of which segments passed and were not captured: lost by the capture, or by its filter */
    uint64_t syn_count, synack_count;
    uint64_t syn_retx, synack_retx; /* of these: repeats */
    uint64_t idle_opens;            /* opened, client silent for more than 1 s after its ACK */
    uint64_t one_rung_at_1s;        /* of these: exactly one SYN+ACK repeat, at 1 s */
    uint64_t long_ladders;          /* connections with more than two SYN+ACK rungs */
    uint64_t stuck_flows; /* connections with at least one refuted open (ACK seen, SYN+ACK repeated) */
    uint64_t named_acks;  /* of these: TSecr of the repeat named an ACK, so the server had received it */
    uint64_t
        cookie_acks_refused; /* connections whose payload was refused though no request was left to repeat a SYN+ACK */
    uint64_t aborted_opens;     /* third ACK answered by a bare RST with seq = ISS+1 */
    uint64_t spoke;             /* connections on which the server sent payload */
    uint64_t close_wait_flows;  /* the server sat idle in CLOSE_WAIT for more than a minute */
    uint64_t deferred_opens;    /* repeated their SYN+ACK where TCP_DEFER_ACCEPT puts it */
    uint64_t late_asks;         /* asked long after their ACK: TCP_DEFER_ACCEPT makes their child that late */
    uint64_t prompt_opens;      /* a bare ACK made their child: TCP_DEFER_ACCEPT is not set */
    uint64_t time_wait_absent;  /* reused tuples whose TIME_WAIT was gone early at the server */
    uint64_t skew_flows;        /* the server's first TSval could be compared with its SYN+ACK's */
    uint64_t cookie_skew_flows; /* of these: 4 to 64 ms ahead of the time between, as after a SYN cookie */
    uint64_t closed_burst;      /* largest number of active RSTs at ISS+1/IRS+1 within 10 ms */
    int64_t closed_burst_ns;    /* when it began; meaningless while closed_burst is 0 */
    uint64_t closed_frame[2];   /* its first and last */
    uint8_t outages;
    struct tca_outage
        outage[TCA_OUTAGES_MAX]; /* the first ones, in order; of one that answers at other times */
    int64_t first_synack_ns, last_synack_ns; /* -1: none */
    bool blind;   /* it answers, and no ACK of any client is in its capture: a filter, or there was none */
    bool in_part; /* for want of memory some of its connections were counted only */
    bool
        cut; /* options of handshakes were cut by the snap length: whether it sends SYN cookies may not show */
    bool closed_in_part; /* a burst of closed_burst came while others were answered: one socket of several */
    bool listens;        /* answered at least one SYN with SYN+ACK in this capture */
    enum tca_vantage vantage; /* inferred from the listener's handshake round trips, or given by the user */
    int64_t server_rtt_ns,
        client_rtt_ns; /* medians of SYN to SYN+ACK and SYN+ACK to ACK; -1: no clean handshake */
    /* Of clean handshakes, SYN to the client's ACK; and of answered connections, that ACK to the first payload byte of
     * the server: the median, and what one in a hundred exceeds. -1: there was none. */
    int64_t handshake_p50_ns, handshake_p99_ns, response_p50_ns, response_p99_ns;
    uint64_t peak_unaccepted;       /* most candidates for the accept queue at one time */
    uint64_t hit_flows, lost_flows; /* connections hit by an episode; of these, never served, and over */
    int64_t
        drain_ns; /* longest time from the first accept() after an episode until its queue was worked off; -1: not
                         seen */
    struct tca_bounds
        backlog; /* of min(backlog, somaxconn), which is the limit; max UINT64_MAX: nothing tells */
    /* What the server's kernel counted at this listener (linux/snmp.h LINUX_MIB_...); max UINT64_MAX: nothing tells. */
    struct tca_bounds listen_overflows, listen_drops;
    struct tca_bounds cookies_sent;                       /* SyncookiesSent */
    struct tca_bounds reqq_full_cookies, reqq_full_drops; /* TCPReqQFullDoCookies, TCPReqQFullDrop */
    uint8_t backlog_basis;                                /* enum tca_backlog_basis */
    struct tca_proof backlog_proof;                       /* of that basis */
    /* SYN pressure. */
    uint8_t flood;             /* enum tca_confidence; 0: none */
    uint8_t flood_kind;        /* enum tca_flood_kind; of the flood, or of a crowd without one */
    uint64_t flood_peak_per_s; /* most SYNs within one second of it */
    uint64_t flood_sources;    /* different client addresses in it */
    uint64_t cookie_count;     /* SYN+ACKs that were SYN cookies */
    uint64_t paws_drop_count;  /* SYNs dropped for an old timestamp */
    struct tca_cookied cookied;
    struct tca_synq_full synq_full; /* the first time that SYNs were dropped there */
    uint64_t synq_drops;            /* SYNs that the limit of the SYN queue dropped, at least: ListenDrops */
    bool synq_held_back;            /* ... by tcp_max_syn_backlog, perhaps, and not by the backlog */
    struct tca_bounds
        synq; /* half-open connections at which the SYN queue was full; max UINT64_MAX: it never was */
    struct tca_proof synq_proof;
    struct tca_proof lone_cookie; /* the first and last that were sent while the SYN queue was empty */
    uint8_t episode_count;
    uint32_t episodes_left_off;          /* smaller ones beyond TCA_EPISODES_MAX */
    const struct tca_episode *episode;   /* episode_count of them, in time order; borrowed from the sweep */
    const struct tca_timeline *timeline; /* around them (timeline.h); NULL without one; likewise */
    /* When connections that had no ladder got in, to be served at once, and when SYNs were left unanswered; each
     * sorted, borrowed from the sweep. */
    const int64_t *admitted_ns, *dropped_ns;
    size_t admitted, dropped;
    /* When new SYNs were answered; likewise. */
    const int64_t *answered_ns;
    size_t answered;
};

/* The episode that holds this moment, widened by `slack_ns` at both ends; NULL if none. */
const struct tca_episode *tca_listener_episode(const struct tca_listener *l, int64_t time_ns,
                                               int64_t slack_ns);

/* Nothing listened at this moment, or it closed within the next second: no SYN is answered between it and those that are
 * refused. */
bool tca_listener_closed_at(const struct tca_listener *l, int64_t time_ns);

/* While nothing was accepted somebody got in after another had been turned away: not by one queue. */
static inline bool tca_episode_contradicts_one(const struct tca_listener *l, const struct tca_episode *e)
{
    return !e->slow && e->answered && e->confidence >= TCA_EPISODE_PROBABLE && tca_near_server(l->vantage);
}

/* An episode shows that several sockets share its port (SO_REUSEPORT), each with its own queues. */
bool tca_listener_is_shared(const struct tca_listener *l);

enum { TCA_ABORTS_AGREE = 3 }; /* connections aborted: no coincidence */
/* So many last ACKs were reset, while others got in and no SYN was refused, that it was a full accept queue with
 * tcp_abort_on_overflow (tcp_ipv4.c tcp_v4_syn_recv_sock, tcp_minisocks.c tcp_check_req). */
bool tca_listener_aborts(const struct tca_listener *l);

/* Between these moments connections got in, were served at once, and no SYN was dropped: nobody waited in the accept
 * queue. */
bool tca_listener_admits(const struct tca_listener *l, int64_t from_ns, int64_t to_ns);
/* SYNs left unanswered from the one moment to the other. */
size_t tca_listener_drops(const struct tca_listener *l, int64_t from_ns, int64_t to_ns);
/* New SYNs answered after the one moment and before the other; 0 if one was dropped meanwhile. */
size_t tca_listener_answers(const struct tca_listener *l, int64_t from_ns, int64_t to_ns);

/* Order of listeners: by capture, address, port. */
int tca_compare_places(uint32_t capture_a, const uint8_t *addr_a, uint16_t port_a, uint32_t capture_b,
                       const uint8_t *addr_b, uint16_t port_b);

/* Something tells its limit from below: more than that no limit is less than 0. */
static inline bool tca_backlog_has_min(const struct tca_bounds *backlog)
{
    return backlog->min > 0 || backlog->max == 0;
}

static inline bool tca_backlog_has_max(const struct tca_bounds *backlog)
{
    return backlog->max != UINT64_MAX;
}

struct tca_sweep; /* opaque; owns its listeners and their episodes */

/* A new sweep. `user`: the vantage that the user gave for every listener, or TCA_VANTAGE_UNKNOWN to infer it.
 * 0 or TCA_EMEMORY. */
int tca_sweep_new(enum tca_vantage user, struct tca_sweep **ret_sweep);
/* Take one flow's small facts; the dossier may go away afterwards. Clocks and capture_end_ns must be settled.
 * Dossiers come in any order. 0 or TCA_EMEMORY. */
int tca_sweep_add(struct tca_sweep *sweep, const struct tca_dossier *d);
/* Of a flow that is one unanswered SYN, or for which there is no memory, only count it for its listener, in a place for all of that
 * one's that were answered alike: at most as many places as there are few, so that it costs no memory. The number of its server's
 * host must be known. 0 or TCA_EMEMORY. */
int tca_sweep_count_only(struct tca_sweep *sweep, const struct tca_dossier *d);
/* All flows are in: list the listeners; `hosts`, which are run, tell where their captures were taken if round trips
 * are not needed for that. Call once, first. 0 or TCA_EMEMORY. */
struct tca_hosts;
int tca_sweep_list(struct tca_sweep *sweep, const struct tca_hosts *hosts);
/* Then read what happened at each; `crew` reads several side by side. Call once, before find, count and at. 0 or TCA_EMEMORY. */
int tca_sweep_run(struct tca_sweep *sweep, struct tca_crew *crew);
/* What SYN pressure shows of the listeners is entered: complete their bounds by it. Once, before any judge looks at
 * them. 0 or TCA_EMEMORY. */
int tca_sweep_settle(struct tca_sweep *sweep);
/* The user left out connections to these ports of a capture, a bit each: they may have waited in their listeners' queues as
 * well. After settling. 0 or TCA_EMEMORY. */
enum { TCA_PORT_BITS = 65536 / 8 };
int tca_sweep_leave_out(struct tca_sweep *sweep, uint32_t capture, const uint8_t port[TCA_PORT_BITS]);
/* What is known of their hosts bounds what the traffic left open. Once, after what the traffic tells was held against
 * it. 0 or TCA_EMEMORY. */
struct tca_known;
int tca_sweep_learn(struct tca_sweep *sweep, const struct tca_known *known);
/* Does this host serve at this port, in the host's own capture? `host`: its number. */
bool tca_sweep_serves(const struct tca_sweep *sweep, uint32_t host, uint16_t port);
/* No listener is edited any more: from now on each takes some two hundred bytes, however few there are, and is made again where it
 * is asked for. They stay as they are where memory is out. */
void tca_sweep_pack(struct tca_sweep *sweep);
/* The listener of this flow, borrowed until the sweep is freed, or in *room. Never NULL: an empty one for a flow never
 * added. */
const struct tca_listener *tca_sweep_find(const struct tca_sweep *sweep, const struct tca_dossier *d,
                                          struct tca_listener *room);
/* The one of this host, by its number, and port, likewise; NULL: nobody listens there. */
const struct tca_listener *tca_sweep_place(const struct tca_sweep *sweep, uint32_t host, uint16_t port,
                                           struct tca_listener *room);
/* The same listener, to be completed by what SYN pressure shows of it, borrowed or in *room; NULL if there is none. Before any
 * judge looks at it. What was edited has to be put back: 0 or TCA_EMEMORY. */
struct tca_listener *tca_sweep_edit(struct tca_sweep *sweep, uint32_t host, uint16_t port,
                                    struct tca_listener *room);
int tca_sweep_put(struct tca_sweep *sweep, uint32_t host, struct tca_listener *l);
/* All listeners, ordered by capture, address, port; borrowed as above. */
size_t tca_sweep_count(const struct tca_sweep *sweep);
const struct tca_listener *tca_sweep_at(const struct tca_sweep *sweep, size_t index,
                                        struct tca_listener *room);
void tca_sweep_free(struct tca_sweep *sweep); /* accepts NULL */

#endif
