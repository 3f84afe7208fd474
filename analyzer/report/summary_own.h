/* SPDX-License-Identifier: MIT
 *
 * The parts of the summary; private to report/summary*.c.
 *
 *     summary.c           gathering: each connection is counted once, by what explains it
 *     summary_fold.c      connections that something larger explains
 *     summary_tail.c      head, tail, and what is told where nothing went wrong
 *     summary_layout.c    which blocks, in which order, how much of each
 *     summary_blocks.c    a block: an incident, or what connections were found to have
 *     summary_overflow.c  a block: an accept queue that was full
 *     summary_page.c      lines of 80 columns
 */
#ifndef TCA_REPORT_SUMMARY_OWN_H
#define TCA_REPORT_SUMMARY_OWN_H

#include "report/row.h"

#include <string.h>

#define LATE_NS INT64_C(1000000000) /* a wait that a person notices */
#define DAY_NS  INT64_C(86400000000000)

enum {
    LINES_MAX = 25,
    LINE_WIDTH = 80,
    SERVERS_MAX = 32,     /* servers told apart for one finding */
    OVERFLOWS_MAX = 64,   /* listeners with a full accept queue */
    INCIDENTS_MAX = 96,   /* of all other kinds */
    CLIENTS_MAX = 24,     /* client addresses told apart in one place */
    EPISODES_TOLD = 3,    /* of one listener */
    NAMES_MAX = 32,       /* captures that one command names */
    ANSWER_GROUPS = 1640, /* groups of waiting times, for any int64_t */
};

/* ---- what is gathered ---- */

/* Where to look: one connection that shows it. */
struct example {
    bool set;
    uint64_t stream;
    struct tca_spot flow; /* names the flow where it has no stream */
    struct tca_spot frame[3];
    uint8_t frame_count;
    bool goes_on;     /* in other files */
    uint32_t ordinal; /* of its file, in which it has this stream */
    const char *file; /* as typed; borrowed */
};

struct place {
    uint8_t addr[16];
    uint16_t port;
    uint8_t family;
    uint32_t capture;
};

/* Different addresses, as long as they are few. */
struct clients {
    uint8_t addr[CLIENTS_MAX][16];
    uint8_t count;
    bool more;
};

/* One finding at one server. */
struct tally {
    struct place at;
    uint64_t count;
    int64_t first_ns, last_ns;
    enum tca_confidence confidence;
    struct clients clients;
    uint16_t client_port; /* of the first */
    bool several_ports;   /* of the clients */
    struct example example;
};

struct kind {
    struct tally *tally; /* owned, SERVERS_MAX of them, NULL until the first */
    size_t tally_count;
    uint64_t elsewhere; /* connections at servers beyond these */
    uint64_t beside;    /* connections where it stands beside another verdict */
};

/* A listener whose accept queue was full. */
struct overflow {
    struct place at;
    uint64_t connections; /* folded into it; episodes count what they hit themselves */
    uint64_t gave_up;     /* left before an answer; those that were hit and never served not counted */
    uint64_t waited;      /* of these: had a place in the queue, so no episode counts them */
    uint64_t closed;      /* likewise, and reset when the service closed its listener */
    uint64_t open; /* never served, nothing of them over when the capture ended: lost, or waiting still */
    uint64_t forgotten; /* were hit, never answered, and the server knew nothing of them any more */
    struct clients clients;
    struct clients losers; /* of those that were hit or waited, and were never answered */
    struct example example;
    bool measured; /* the listener itself was told */
    uint32_t episodes;
    struct tca_episode told[EPISODES_TOLD]; /* those that hit most connections, in the order of time */
    uint8_t told_count;
    struct tca_episode worst; /* of all */
    int64_t first_ns, last_ns;
    struct tca_spot first_at, last_at;
    uint64_t drops, ignored, aborted, flows, lost, unknown, waiting;
    uint64_t held, held_unserved; /* had a place in the queue meanwhile; of these, never answered */
    int64_t held_ns;              /* the longest wait of them; -1: not known */
    int64_t full_ns;              /* all episodes together */
    bool open_end;                /* still full when the capture ended, which is last_ns then */
    struct tca_bounds backlog;
    uint8_t backlog_basis;          /* enum tca_backlog_basis */
    struct tca_bounds listen_drops; /* what the kernel counted */
    bool flooded; /* SYNs of a flood met the full queue as well, and count among the connections */
};

/* Any other incident. */
struct incident {
    struct tca_incident what;
    struct place at;
    uint64_t connections;              /* folded into it */
    uint64_t opened;                   /* of these: opened in the end, after no more than ... */
    uint64_t late;                     /* of these: after a wait that a person notices */
    int64_t longest_ns;                /* ... this, of all that opened */
    uint64_t unanswered;               /* of these: asked again and again, and nothing came back */
    struct tca_spot first_at, last_at; /* frames that begin and end it */
    const char *file;                  /* as typed; borrowed */
    bool shadowed;                     /* its capture's connections are told of a better place */
    bool told;                         /* with another block */
};

/* How long clients waited for the first byte of the service. Sorted into groups of equal two leading digits, so
 * that the median is known to these two digits in fixed memory. */
struct answers {
    uint64_t group[ANSWER_GROUPS];
    uint64_t count, late;
    int64_t longest_ns;
    uint32_t longest_ordinal; /* as of an example, the others likewise */
    uint64_t longest_stream;
    struct tca_spot longest_flow;
};

struct tca_summary {
    struct kind kind[TCA_FINDING_COUNT];
    struct overflow overflow[OVERFLOWS_MAX];
    size_t overflow_count;
    struct incident incident[INCIDENTS_MAX];
    size_t incident_count;
    uint64_t left_off; /* incidents of either kind that found no room */

    struct tca_anon *anon;       /* borrowed; NULL: addresses are shown as they are */
    const char *options;         /* of commands to be typed, borrowed */
    bool limited;                /* not every finding is told */
    enum tca_confidence least;   /* that is told */
    const bool *wanted;          /* by finding, borrowed; NULL: all of them */
    const char *name[NAMES_MAX]; /* of the first captures, as typed; borrowed */
    uint64_t captures, packets, tcp_packets, not_tcp, undecoded, left_out, not_whole, dropped, cut_short,
        early, beyond;
    int64_t first_ns, last_ns; /* -1: no record */
    enum tca_vantage vantage;
    bool several_vantages;
    uint64_t unread;                               /* captures of which nothing could be read */
    uint64_t rows_from[TCA_VANTAGE_SAME_HOST + 1]; /* connections, each row of them, by vantage */

    uint64_t flows, normal;
    uint64_t strays; /* rows of nothing but resets; not in flows */
    uint64_t again; /* rows of connections that another row tells, before address translation; not in flows */
    uint64_t twins; /* further rows of connections that several captures show; not in flows */
    uint64_t pending;  /* the capture ended before anything could be said of them */
    uint64_t syns;     /* of which nothing but SYNs was captured */
    uint64_t openings; /* of which nothing but SYNs and SYN+ACKs was captured; the former counted too */
    uint64_t partial;  /* of the others: not seen opening, or in one direction only */
    struct answers answers;
    uint64_t vantage_unknown, start_cut, one_way, gap, snaplen, end_cut;
    uint64_t open_lost; /* counted in end_cut, but told as lost */
};

/* ---- gathering ---- */
/* Addresses differ most. */
static inline bool tca_same_place(const struct place *a, const struct place *b)
{
    return memcmp(a->addr, b->addr, sizeof a->addr) == 0 && a->port == b->port && a->capture == b->capture;
}
bool tca_begins_with(const char *id, const char *const *family, size_t count);
void tca_summary_client(struct clients *clients, const uint8_t addr[16]);
void tca_summary_example(struct example *example, const struct tca_flow_view *view,
                         const struct tca_judgement *j);
/* Was it still open when the capture ended? */
bool tca_summary_open(const struct tca_flow_view *view);
/* The overflow of this listener, a new one if need be; NULL when there are too many. */
struct overflow *tca_summary_overflow(struct tca_summary *sum, const struct place *at);
/* True if the connection is told there: by its listener's overflow, or by the gravest incident that explains what it
 * is told by. */
bool tca_fold_into_overflow(struct tca_summary *sum, const struct tca_flow_view *view,
                            const struct place *at);
bool tca_fold_into_incident(struct tca_summary *sum, const struct tca_flow_view *view,
                            const struct tca_judgement *told);

/* ---- the page ---- */

struct page {
    struct tca_buf out;
    int lines, line_start; /* lines ended; where the open one begins in out */
    const struct tca_summary *sum;
    bool several_captures;
    int64_t day_ns; /* begin of the first packet's day: other days are written out */
};

/* End the open line; what is wider than the page is cut, and shows that it was. */
void tca_page_end_line(struct page *page);
/* Is it a time that a clock may have told? */
bool tca_page_trusts(int64_t time_ns);
/* Of the first packet's day the clock alone, in UTC as the head says; else the date too; or that it is no time. */
void tca_page_clock(const struct page *page, struct tca_buf *out, int64_t time_ns);
/* "FROM until TO (N s)" */
void tca_page_span(const struct page *page, struct tca_buf *out, int64_t first_ns, int64_t last_ns);
/* A text behind a head, over as many lines as it takes. */
void tca_page_wrapped(struct page *page, const char *head, const char *text);
/* Whole sentences only, as many as fit in `lines_max` lines, but at least the first. */
void tca_page_sentences(struct page *page, const char *head, const char *text, int lines_max);
/* How many lines a text takes behind `indent` columns. */
int tca_page_lines(size_t indent, const char *text);
/* A time to two digits or so: more would promise what a median of groups does not hold. */
void tca_page_wait(struct tca_buf *out, int64_t ns);
void tca_page_count(struct tca_buf *out, uint64_t count, const char *one, const char *many);
/* A command about a file, whole and on a line of its own, be it wider than the page: it is there to be copied. */
void tca_page_command(struct page *page, const char *command, const char *file);
/* A command about all captures; false where they are too many for one. */
bool tca_page_command_all(struct page *page, const char *command);
/* The connection that shows it, and the command that tells it line by line. */
void tca_page_proof(struct page *page, const struct example *example);

/* ---- head, tail, and no trouble ---- */
void tca_page_head(struct page *page, const struct tca_summary *sum);
/* That nothing but SYNs was captured, where it is so. */
void tca_page_syns(struct page *page, const struct tca_summary *sum);
void tca_page_tail(struct page *page, const struct tca_summary *sum);
void tca_page_healthy(struct page *page, const struct tca_summary *sum);
void tca_page_answers(struct page *page, const struct tca_summary *sum);
/* On so many lines at most, but at least on one. */
void tca_page_beside(struct page *page, const struct tca_summary *sum, int lines_max);
void tca_page_elsewhere(struct page *page, const struct tca_summary *sum);
int64_t tca_summary_median(const struct answers *all);

/* ---- blocks ---- */
struct block {
    enum tca_severity severity;
    uint64_t count;
    int64_t first_ns, last_ns;
    int id;                    /* finding */
    struct place at;           /* for the order */
    const struct tally *tally; /* one of these three */
    const struct overflow *overflow;
    struct incident *incident;
};

/* How much of a block is told, from little to all. */
enum form {
    FORM_LINE,  /* what, where, since when, to whom, as far as one line holds it */
    FORM_BRIEF, /* until when, and what it means, too */
    FORM_TERSE, /* all but the incidents that came with it */
    FORM_FULL,
};

/* All that is written, and what may be told together. */
struct story {
    struct tca_summary *sum;
    struct block *block;
    size_t count;
};

/* All blocks, up to the line with this number; false if nothing happened. 0 or TCA_EMEMORY. */
int tca_page_blocks(struct page *page, struct tca_summary *sum, int last_line, bool *ret_any);
void tca_page_block(struct page *page, const struct story *story, const struct block *b, enum form form);
void tca_page_overflow(struct page *page, const struct story *story, const struct block *b, enum form form);
/* Is this incident told in that block: of a lower or equal rank, at the same listener and time? */
bool tca_told_with(const struct incident *in, const struct block *b);

/* ---- what blocks consist of ---- */
const char *tca_page_sign(enum tca_severity severity);
/* What else the line holds; what would be too wide is left out. */
void tca_page_if_room(struct page *page, struct tca_buf *text);
/* "stream=3", of several captures "stream=c1:3"; "flow=c1f12" of one that is none to Wireshark. */
void tca_page_flow(struct tca_buf *text, bool several_captures, uint32_t ordinal, uint64_t stream,
                   struct tca_spot flow);
/* The stream of an example; of several captures it names the one. */
void tca_page_selector(struct page *page, const struct example *example);
void tca_page_place(const struct page *page, struct tca_buf *out, const struct place *at);
void tca_page_clients(struct tca_buf *out, const struct clients *clients);
/* ", frames FIRST to LAST" */
void tca_page_frames(struct tca_buf *text, struct tca_spot first, struct tca_spot last);
/* The text behind its head, wrapped; then it is freed. */
void tca_page_text(struct page *page, const char *head, struct tca_buf *text);
/* The incidents that are told with a block. */
void tca_page_companions(struct page *page, const struct story *story, const struct block *b);

#endif
