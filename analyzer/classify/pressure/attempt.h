/* SPDX-License-Identifier: MIT
 *
 * Inside the sweep over SYN pressure: attempts, and the order in which each part reads them. attempt.c takes them
 * in; synqueue.c, vain.c, flood.c, scan.c, silence.c and pathloss.c read them; pressure.c calls these one after the other.
 */
#ifndef TCA_CLASSIFY_ATTEMPT_H
#define TCA_CLASSIFY_ATTEMPT_H

#include "base/sorted.h"
#include "classify/pressure/incident.h"
#include "classify/pressure/pressure.h"
#include "classify/read/cookie.h"
#include "classify/sweep/host.h"

#include <string.h>

#define TCA_ATTEMPT_WATCHED_NS INT64_C(1200000000) /* by then a timer's first repeat would have passed */

enum tca_attempt_flag {
    TCA_TRY_SYN = 1 << 0,      /* a SYN was seen */
    TCA_TRY_ANSWERED = 1 << 1, /* by a SYN+ACK */
    TCA_TRY_ACKED = 1 << 2,    /* the client sent more than SYN and RST */
    TCA_TRY_CHILD = 1 << 3,    /* the server's child is proved or settled */
    TCA_TRY_REFUSED = 1 << 4,  /* RST from the server and no SYN+ACK */
    TCA_TRY_RESET = 1 << 5,    /* the client answered the SYN+ACK by RST */
    TCA_TRY_ASKED = 1 << 6,    /* the client sent payload */
    TCA_TRY_SERVED = 1 << 7,   /* the server sent payload */
    TCA_TRY_ICMP = 1 << 8,     /* an ICMP error quotes the client */
    TCA_TRY_HEARD = 1 << 9,    /* the server's end sent something, or the client acknowledges that it did */
    TCA_TRY_BARE = 1 << 10,    /* its SYN offers neither timestamps nor window scale */
    TCA_TRY_PRIOR = 1 << 11,   /* the tuple's older connection may be what keeps silent */
    TCA_TRY_TS = 1 << 12,      /* its SYN carries a timestamp */
    TCA_TRY_OPTIONS = 1 << 13, /* its SYN+ACK announces window scale or SACK */
    TCA_TRY_BOTH = 1 << 14,    /* both ends opened: no listener */
    TCA_TRY_CUT = 1 << 15,     /* begun before the capture */
    TCA_TRY_STUCK = 1 << 16,   /* acknowledged, and the server repeated its SYN+ACK */
    TCA_TRY_PAIR_HEARD = 1 << 17, /* this server answered this client, here or in another connection */
    TCA_TRY_PURE_ACK =
        1 << 18,             /* the client's ACK was captured, not only what a filter for SYN and FIN keeps */
    TCA_TRY_KNOWN = 1 << 19, /* its source completes others at this listener; while floods are looked for */
    TCA_TRY_BEYOND =
        1 << 20, /* the burst of loss that is counted now struck it after its server had accepted it */
};

/* Was its SYN+ACK a SYN cookie? */
enum tca_cookie_word {
    TCA_WORD_NONE,    /* no SYN+ACK */
    TCA_WORD_REQUEST, /* no: its timer repeated it, or it bears what a cookie cannot */
    TCA_WORD_FRESH,   /* its timestamp does not lag: no, or one cookie in sixteen */
    TCA_WORD_MAYBE,   /* nothing tells */
    TCA_WORD_UNREAD,  /* the snap length cut what would tell */
    TCA_WORD_ODD, /* the server's clock moved as no cookie's and no request's does: it counts something else */
    TCA_WORD_LAG,     /* its timestamp lags as a cookie's does */
    TCA_WORD_OPTIONS, /* it lacks the options that a cookie cannot bear */
    TCA_WORD_SILENT,  /* it was not acknowledged, and no timer repeated it */
    TCA_WORD_COOKIE,  /* settled by the others: yes */
};

struct tca_attempt {
    uint16_t client_port, server_port;
    uint8_t family;
    uint8_t probe;  /* enum tca_scan_kind: what a scan would call it */
    uint8_t cookie; /* enum tca_cookie_word */
    uint32_t capture;
    uint32_t flags;
    uint64_t frame, id_frame; /* the first one seen; the one that names the flow */
    int64_t first_ns, last_ns, until_ns;
    int64_t asked_ns;  /* when the SYN came that was answered first */
    int64_t again_ns;  /* when its SYN was repeated first; -1: never */
    int64_t synack_ns; /* -1: none */
    uint64_t synack_frame;
    int64_t gone_ns,
        gone_late_ns;       /* when its request left the SYN queue, at the earliest and at the latest */
    int64_t stamped_ns;     /* when the SYN+ACK was sent that `stamp` is of */
    struct tca_stamp stamp; /* meaningless unless `stamped` */
    bool stamped, shrunk;   /* shrunk: the child took back a part of the window, as after a cookie */
    uint32_t
        vain_ms; /* from its SYN+ACK to the last copy of a small payload to which the server said nothing; 0: none */
    uint64_t print; /* TTL, window and options of its SYN, packed */
    uint32_t iss, tsval, tsval_last;
    uint32_t syns, synacks, rungs, drops, extra; /* extra: SYN+ACKs that may be cookies beside a request's */
    uint32_t others; /* SYN+ACKs with another sequence number than the one that the client chose */
    uint32_t place;  /* number of its listener */
    uint32_t client_host,
        server_host; /* numbers of its hosts, which tell addresses; while the parts read: in order of these */
    bool asking;     /* synqueue.c: between asked_ns and synack_ns, and no cookie */
    bool unsure;     /* ... taken for a request for want of anything else */
    uint64_t beside; /* ... requests at `asked_ns`, and all that had gone by then */
    uint32_t seen;   /* serial number of the last group that counted it */
    uint32_t number; /* of its result, 1-based; 0: nothing holds of it */
};

/* A SYN that nothing answered. */
struct tca_dropped {
    int64_t time_ns;
    uint64_t frame;
    uint32_t attempt, place; /* its attempt, and that one's listener */
    uint32_t weight;         /* copies it stands for */
    bool weak; /* the older connection of the tuple, or the end of the capture, may explain it */
};

/* Something was sent again. */
struct tca_repeat {
    int64_t time_ns;
    int64_t
        lost_ns; /* when what it repeats was sent, where that tells why: a SYN's older copy; else time_ns */
    uint64_t frame;
    uint32_t attempt, capture;
    uint32_t path; /* of its run: connections that share a network have one number */
    bool server, syn;
};

/* Where to find what holds of a flow, by its name. */
struct tca_holding {
    uint64_t id_frame, frame; /* as of its attempt */
    uint32_t capture;
    uint32_t number; /* of its result, 1-based */
};

struct tca_pressure {
    struct tca_attempt *attempt; /* owned; until all parts have read */
    size_t attempts, attempt_room;
    struct tca_holding *holding; /* owned; from then on, in order */
    size_t holdings;
    struct tca_dropped *drop; /* owned */
    size_t drops, drop_room;
    struct tca_repeat *repeat; /* owned */
    size_t repeats, repeat_room;
    struct tca_pressed *pressed; /* owned */
    size_t presseds, pressed_room;
    struct tca_attempt **order; /* owned: attempts in the order of the present part */
    uint32_t serial;            /* of the groups that count each attempt once */
    bool acks;                  /* the capture of the present listener holds ACKs of clients */
    int64_t begin_ns;           /* when that capture begins, as far as its connections tell */
    const struct tca_known *known;
    struct tca_anon *anon; /* for the words of incidents */
    bool in_part;          /* memory had no room for all attempts */
    const struct tca_hosts *hosts;
    struct tca_sweep *sweep;
    struct tca_incidents *incidents;
};

/* The first time that this group meets it? */
static inline bool tca_first_met(struct tca_attempt *a, uint32_t serial)
{
    bool first = a->seen != serial;
    a->seen = serial;
    return first;
}

/* By the time of their first segments. */
static inline int tca_compare_begun(const struct tca_attempt *a, const struct tca_attempt *b)
{
    int order = tca_compare_i64(a->first_ns, b->first_ns);
    return order ? order : tca_compare_u64(a->frame, b->frame);
}

/* Behind what is counted. */
static inline const char *tca_in_part(const struct tca_pressure *p)
{
    return p->in_part ? " At least: of more --memory had no room." : "";
}

/* While the parts read: the addresses of its ends. */
static inline const uint8_t *tca_client_of(const struct tca_hosts *hosts, const struct tca_attempt *a)
{
    return tca_hosts_at(hosts, a->client_host)->addr;
}
static inline const uint8_t *tca_server_of(const struct tca_hosts *hosts, const struct tca_attempt *a)
{
    return tca_hosts_at(hosts, a->server_host)->addr;
}

/* For qsort() of pointers: by the client's address, of one capture. */
static inline int tca_order_clients(const void *left, const void *right)
{
    const struct tca_attempt *a = *(struct tca_attempt *const *)left,
                             *b = *(struct tca_attempt *const *)right;
    return tca_compare_u64(a->client_host, b->client_host);
}

/* What holds of this attempt's flow, to be written to. NULL: no memory. */
struct tca_pressed *tca_pressed_of(struct tca_pressure *p, struct tca_attempt *a);
/* Raise one word of it, never lower it. 0 or TCA_EMEMORY. */
int tca_press(struct tca_pressure *p, struct tca_attempt *a, enum tca_press what, enum tca_confidence level);

/* Attempts of one listener, in order of time. */
struct tca_tries {
    struct tca_pressure *p;
    struct tca_attempt **one;
    size_t count;
    struct tca_listener *listener;
    const struct tca_dropped *drop; /* its SYNs left unanswered, in order of time */
    size_t drops;
};

/* Nobody opened a connection with this SYN: it was not acknowledged, though there was time. */
bool tca_attempt_incomplete(const struct tca_attempt *a);

/* What the clocks and windows of these SYN+ACKs show together, near the server; settles their words. `known`: that this
 * listener sends cookies is known otherwise. Sets *ret_cookies where they show it. 0 or TCA_EMEMORY. */
int tca_stamps_settle(const struct tca_tries *t, bool known, bool *ret_cookies);

/* Before their words are settled: most SYN+ACKs lack what a cookie cannot bear, or their clocks lag, or most children took back the
 * window. */
bool tca_vain_marked(const struct tca_tries *t);
/* Away from the server: whose payload came in vain while others were answered. `cookies`: this listener is known to send them. 0 or
 * TCA_EMEMORY. */
int tca_vain_read(const struct tca_tries *t, bool cookies);

/* The parts. 0 or TCA_EMEMORY. */
int tca_synqueue_read(const struct tca_tries *t);
int tca_flood_read(const struct tca_tries *t);
int tca_scan_read(struct tca_pressure *p);
int tca_pathloss_read(struct tca_pressure *p);
int tca_silence_read(struct tca_pressure *p);

/* An incident of this listener, begun. */
struct tca_incident tca_incident_of(const struct tca_listener *l, enum tca_finding_id id,
                                    enum tca_confidence level, int64_t first_ns, int64_t last_ns);
void tca_incident_prove(struct tca_incident *one, uint64_t frame);
void tca_incident_say(struct tca_incident *one, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The level of a finding for a vantage; TCA_VANTAGE_UNKNOWN costs one. */
enum tca_confidence tca_press_level(enum tca_vantage vantage, enum tca_confidence server,
                                    enum tca_confidence middle, enum tca_confidence client);

#endif
