/* SPDX-License-Identifier: MIT
 *
 * A run from the inside: settings, captures, pass 1 (records to dossiers) and pass 2 (dossiers to rows).
 * Private to the engine; the outside sees include/tcpautopsy/session.h.
 *
 *      records -> decode -> order, in chunks                         pass 1, per capture (pass1.c)
 *          -> stream, peers -> flow -> mirror --(over)--> dossier -> sorter          per shard (shard.h)
 *      sorter -> settle clocks -> sweep                                      pass 2, first walk
 *      sorter -> settle clocks -> judge -> rows, events, summary, ladder     pass 2, any number of walks
 */
#ifndef TCA_ENGINE_RUN_H
#define TCA_ENGINE_RUN_H

#include "artefact/ahead.h"
#include "artefact/comment.h"
#include "artefact/moved.h"
#include "artefact/order.h"
#include "artefact/spot.h"
#include "base/crew.h"
#include "base/extsort.h"
#include "base/fail.h"
#include "capture/joined.h"
#include "classify/count/census.h"
#include "classify/finding.h"
#include "classify/pressure/incident.h"
#include "classify/pressure/isn.h"
#include "classify/setting/setting.h"
#include "classify/sweep/known.h"
#include "classify/sweep/nat.h"
#include "engine/shard.h"
#include "flow/flow.h"
#include "flow/partition.h"
#include "report/report.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <tcpautopsy/plan.h>
#include <tcpautopsy/session.h>

enum checksums { CHECKSUMS_AUTO, CHECKSUMS_ON, CHECKSUMS_OFF };

struct tca_settings {
    char *filter, *temp_dir; /* owned, NULL when not set */
    char *key;               /* of anonymous addresses, owned; NULL: they are shown as they are */
    size_t key_length;       /* in bytes, which may be any */
    bool real_addresses;     /* with a key: those typed are no shown ones */
    int64_t after_ns, before_ns;
    bool has_after, has_before;
    uint64_t max_records;
    enum tca_vantage vantage;       /* UNKNOWN: inferred */
    struct tca_server_hint *server; /* owned */
    size_t server_count;
    bool key_vlan, key_tunnel;
    enum checksums checksums;
    enum tca_confidence min_confidence;
    bool some_findings; /* only those marked in wanted[] are reported */
    bool wanted[TCA_FINDING_COUNT];
    bool all_states, raw_text, trace;
    unsigned share, shares;   /* connections of share `share` of so many, from 1; shares 0: of all */
    uint64_t memory;          /* bytes; 0: the usual size. See tca_memory_of() */
    uint64_t max_expanded;    /* bytes out of one packed input; 0: the usual limit (capture/unpack.h) */
    unsigned jobs;            /* threads; 0: as many as there are processors */
    enum tca_time_style time; /* of the ladder */
    int64_t at_ns, width_ns;  /* of states; width 0: one second */
    bool has_at, has_host;
    uint8_t host[16]; /* IPv4 as ::ffff:a.b.c.d; the last one given */
    bool many_hosts;  /* several were given: each says whose facts follow it, none is to be picked */
    struct tca_known known;
};
/* "KEY=VALUE" or "@FILE"; a version. Of the host given last (facts.c). */
int tca_settings_sysctl(struct tca_settings *set, const char *value, struct tca_error *error);
int tca_settings_kernel(struct tca_settings *set, const char *value, struct tca_error *error);
int tca_settings_copy(const struct tca_settings *from, struct tca_settings *ret_copy);
void tca_settings_clear(struct tca_settings *set);
/* Does the user want to read about this host? Several names say whose facts follow, and pick none. */
static inline bool tca_asked_for(const struct tca_settings *set, const uint8_t addr[16])
{
    return !set->has_host || set->many_hosts || !memcmp(set->host, addr, sizeof set->host);
}

/* What belongs to one file of a series beside its facts. */
struct file {
    char *name, *message;    /* owned; facts point at them */
    size_t said;             /* as of the capture */
    char *comment;           /* owned, likewise; NULL: none */
    struct tca_error *error; /* owned: what is to be told of it, with the code; NULL: nothing */
};

/* A piece of the series is missing between two records. */
struct gap {
    int64_t from_ns, to_ns; /* the newest record before it, the first one behind it */
    uint64_t frame;         /* that one's */
    uint32_t file;          /* and its file, of the capture */
    bool unreadable;        /* the file before it could not be read to its end */
    uint64_t flows;         /* connections that were open then */
};

/* One capture of the run. */
struct capture {
    struct tca_capture_facts facts;
    char *name, *message, *comment; /* owned; facts points at them */
    uint64_t dealt;                 /* records */
    uint64_t stored;                /* bytes of the records so far, about */
    int64_t newest_ns;              /* of the records so far, for order errors */
    uint8_t *
        left_out; /* owned: ports to which connections were opened that the user left out, a bit each; NULL: none */
    uint64_t mixed_tags; /* connections whose one direction carries different tags */
    uint64_t swept;      /* connections that pass 2 takes in, all but those for which there is no memory */
    size_t said;     /* bytes of the message that its source said; behind them is what was found besides */
    size_t hints;    /* so many of the session's are of it (classify/sweep/nat.h), behind those before it */
    bool warns;      /* what was found besides is said behind what its source said */
    char *path;      /* owned: the input that it was read from; NULL: it was fed */
    uint64_t number; /* it is this one of that input's captures, from 1 */
    struct tca_error *error; /* owned while it is read: what is to be told of it */

    /* Of a series. */
    uint32_t files;                 /* 0: it is no series */
    struct tca_capture_facts *file; /* owned: of each; those of the capture are their sums */
    struct file *text;              /* owned, as what it points to: likewise */
    const struct tca_plan_item *item;
    const struct tca_plan_unit *unit; /* borrowed: as it was planned; NULL: it was not */
    struct gap *gap;                  /* owned */
    size_t gaps, gap_room;
};

/* What --memory says: bytes for connections at hand in pass 1, and about as many for those that it remembers (shard.c); half of it
 * for SYNs that nothing answered in pass 2, once for those that were sent once and once for the others, and all of it for everything else. */
uint64_t tca_memory_of(const struct tca_settings *set);

/* Where a dossier stands among all rows. */
struct tca_alone_row {
    int64_t start_ns;
    uint64_t frame;
    uint32_t capture;
};

/* SYNs that nothing answered, sent once or again; everything else. */
enum tca_alone_kind { TCA_ALONE_ONCE, TCA_ALONE_AGAIN, TCA_NOT_ALONE, TCA_ALONE_KINDS };

/* Those of a kind, as far as they were taken in. */
struct tca_alone {
    uint64_t count;
    bool full; /* there is room for no more: from this row on they are cut short */
    struct tca_alone_row from;
};

/* What sweeps find of captures that are next to each other (swept.c). */
struct tca_swept {
    struct tca_owners captures; /* their ordinals */
    struct tca_hosts *hosts;    /* owned, as the others */
    struct tca_sweep *sweep;
    struct tca_pressure *pressure; /* who asks, and why nothing answers */
    struct tca_isns *isns;         /* while it is made, as the next */
    struct tca_incidents found;
    size_t listeners; /* of those before it */
    bool large;       /* one capture, with more connections than others are together */
};

struct tca_session {
    struct tca_settings set; /* with real addresses */
    struct tca_anon *anon;   /* owned: how addresses are shown; NULL: as they are */
    struct tca_crew *crew;   /* NULL: one thread does all */
    bool beside; /* its threads do something side by side, each by walks of its own (swept.c, products.c) */
    struct capture **capture; /* owned, in the order of the run's list */
    size_t capture_count, capture_room;
    struct capture *open;          /* the capture being fed; NULL between captures */
    struct tca_capture_facts *now; /* of the file being dealt: the capture's own where it is one file */
    uint32_t now_file;             /* likewise, which one of the capture */
    struct tca_shard *shard;       /* owned, of the open capture; NULL between captures */
    unsigned shards;
    uint8_t shard_of[TCA_PARTITIONS]; /* each partition is of one, or of another share */
    bool can_deal;                    /* all of them are whole: records may be dealt to them */
    pthread_mutex_t
        lock; /* for what all shards write to: streams, models; and all sweeps: twins, SYNs that are alone */
    struct tca_fragments *fragments; /* of the open capture */
    struct tca_order order;          /* segments of the open capture that wait for their turn */
    struct tca_moved moved;          /* frame numbers of all captures that were mended */
    struct tca_spots spots;          /* files and frames of all captures, as the user knows them */
    struct tca_comments comments;    /* of all captures, while a trace is kept */
    struct tca_spool {
        struct tca_sorter **list; /* owned, as what it points to: by the number of the shard */
        unsigned count;
    } spool;
    struct tca_lone_models {
        struct tca_lone_model **list; /* owned, as what it points to; grown under the lock */
        unsigned count;
    } models;                    /* of SYNs that are all of their flow (lone.c) */
    struct tca_sorter *dossiers; /* in pass 2: those of all shards, the first of that list */
    struct tca_streams *streams; /* of all captures; NULL before the first */
    struct tca_swept *swept;     /* owned, in the order of captures; all of them from the first sweep on */
    size_t swept_count;
    struct tca_estimates *estimates; /* NULL until somebody asks (pass2.c) */
    struct tca_census *census;       /* NULL until somebody asks (census.c) */
    struct tca_census *served;       /* of listeners alone; likewise */
    struct tca_nat_hints nat_hints;  /* of all captures, until pass 2 */
    struct tca_nats *nats;           /* NULL: no row is another one again */
    struct tca_twins *twins;         /* NULL: one capture only */
    struct tca_sorter *grouped;      /* while twins are compared */
    struct tca_alone alone[TCA_ALONE_KINDS];
    struct tca_incidents incidents; /* sorted, before --finding and --min-confidence */
    FILE *trace;                    /* unlinked temporary file of struct tca_trace */
    struct tca_progress *watcher;   /* borrowed, may be NULL */
    struct tca_watched {
        uint64_t packets, bytes, flows;
    } watched;                    /* of the open capture the watcher was told so much */
    bool finished, saved, loaded; /* saved: it is a part now, only free is left; loaded: it took parts in */
    int broken; /* memory or a temporary file failed: what is held is not whole; only free is left */
    volatile sig_atomic_t stop;
};

/* Words for a code, where nothing better is known; returns the code (session.c). */
int tca_words(struct tca_error *error, int code);
/* What fails for want of memory or of a temporary file leaves the session not whole: nothing can be told any more. Returns the
 * code (session.c). */
int tca_keep_whole(struct tca_session *s, int code);
/* 0, or the code and words of what ended the session. */
int tca_must_be_whole(const struct tca_session *s, struct tca_error *error);
/* Room for one more, of which nothing is known but its name. 0 or TCA_EMEMORY (pass1.c). */
int tca_capture_add(struct tca_session *s, const char *name);
int tca_capture_leave_out(struct capture *c, const uint8_t *ports);
/* Threads, if that is worth the while and there are none so far. */
int tca_hire(struct tca_session *s);
/* 0, or TCA_EUSAGE and the like while nothing can be asked for yet or any more. */
int tca_must_be_finished(const struct tca_session *s, struct tca_error *error);

/* ---- pass 1 (pass1.c) ---- */
/* A capture of so many files. */
int tca_pass1_begin(struct tca_session *s, const char *name, uint32_t files);
int tca_pass1_feed(struct tca_session *s, const struct tca_record *records, size_t count);
/* All its records; next: as tca_joined_next(). */
typedef int tca_next_fn(void *from, struct tca_joined_batch *ret);
int tca_pass1_read(struct tca_session *s, tca_next_fn *next, void *from);
int tca_pass1_end(struct tca_session *s);

/* The capture has so many files, of which nothing is known yet; the ordinal of the first. And what one is called. 0 or
 * TCA_EMEMORY (series.c). */
enum { TCA_SERIES_MAX = TCA_ORDER_FILES };
int tca_series_begin(struct capture *c, uint32_t files, uint32_t first);
int tca_series_name(struct capture *c, uint32_t at, const char *name);
/* What a series keeps of its files is given back. */
void tca_series_free(struct capture *c);
/* They come in the order of frames. 0 or TCA_EMEMORY. */
int tca_series_keep_gap(struct capture *c, const struct gap *gap);
/* Not over, as far as anybody could see. */
bool tca_is_open(const struct tca_mirror *m);
/* The gap during which this connection was open, the first one; NULL: none. */
struct gap *tca_series_gap(const struct capture *c, const struct tca_dossier *d);
/* An incident for each gap; after every connection was counted. 0 or TCA_EMEMORY. */
int tca_series_tell_gaps(struct tca_session *s);

/* ---- SYNs that nothing answered, and others without number (alone.c) ---- */
/* Asked once of each dossier, in row order where there is not room for all: is it cut short, that is, not taken in by the sweeps? */
bool tca_alone_cut(struct tca_session *s, const struct tca_dossier *d);
/* Is there room for so many, whatever they are? */
bool tca_alone_fits(const struct tca_session *s, uint64_t flows);
/* Is it such a SYN? */
bool tca_alone(const struct tca_dossier *d);
/* Was it? */
bool tca_alone_is_cut(const struct tca_session *s, const struct tca_dossier *d);
/* Was it, if it was sent once and is such a SYN? */
bool tca_alone_row_is_cut(const struct tca_session *s, const struct tca_alone_row *row);

/* ---- streams (streams.c): what pass 1 learnt of them, joined and numbered ---- */
int tca_streams_new(uint64_t seed, const char *temp_dir, struct tca_streams **ret_streams);
void tca_streams_free(struct tca_streams *all);
/* A piece that is over. 0, TCA_EMEMORY or TCA_EOUTPUT. */
int tca_streams_put(struct tca_streams *all, uint32_t capture, const struct tca_key *key,
                    const struct tca_piece *piece);
/* The same of the piece that is this SYN alone, sent by that side of its key, in fewer steps. */
int tca_streams_put_syn(struct tca_streams *all, uint32_t capture, const struct tca_segment *syn, int side);
/* Pieces as bytes, for a part (part.c), each with its capture's number; and one out of a part of so many captures, before which
 * there are so many: 0, TCA_EMEMORY, TCA_EOUTPUT, or TCA_EINPUT. `all` NULL: there are none. */
enum { TCA_STREAMS_FRAME_SHIFT = 36 };
#define TCA_STREAMS_FRAME_MAX (UINT64_C(1) << TCA_STREAMS_FRAME_SHIFT)
int tca_streams_each(struct tca_streams *all, tca_sorter_fn *fn, void *user);
int tca_streams_load(struct tca_streams *all, uint32_t before, uint32_t captures, const void *piece,
                     size_t size);
/* As tca_spool_form(). */
uint64_t tca_streams_form(void);
/* After the last one, once, beside the first walk of pass 2, to which streams are nothing; the spots are borrowed from then on. */
int tca_streams_number(struct tca_streams *all, const struct tca_spots *spots);
/* They are numbered, and told from now on. */
void tca_streams_show(struct tca_streams *all);
/* The frame that created this stream of a file, by its ordinal (0: of the first that has it; then it is told), in that file.
 * 0: there is none. */
uint64_t tca_streams_created(const struct tca_streams *all, uint32_t *file, uint64_t number);
/* Set tcp_stream and completeness of a dossier by its stream_frame; to nothing as long as none is told. `near`: where the last one
 * was found, 0 at first. */
void tca_streams_tell(const struct tca_streams *all, size_t *near, struct tca_dossier *d);

/* ---- the spool (spool.c) ---- */
/* On any thread. Of a flow that was parked before it replaces what was put then. */
int tca_spool_put(struct tca_shard *shard, struct tca_flow *flow);
/* Of each shard a sorter of its own, so that none waits for another: there are so many from now on. 0 or TCA_EMEMORY. */
int tca_spool_begin(struct tca_session *s, unsigned shards);
/* Nothing is put any more: all of them are s->dossiers. 0, TCA_EMEMORY or TCA_EOUTPUT. */
int tca_spool_join(struct tca_session *s);
void tca_spool_done(struct tca_session *s);
/* What a walk over dossiers needs; each thread has its own. All zero at first. */
struct tca_reading {
    size_t stream;       /* near which the next dossier's is */
    struct tca_mark syn; /* the only mark of a flow that is one SYN */
};
/* Decode one item of the sorter into *ret; its marks stay in the item, or in *reading until the next one. */
void tca_spool_get(const struct tca_session *s, struct tca_reading *reading, const void *item,
                   struct tca_dossier *ret);

/* ---- flows that are parked (park.c): what struct tca_flow_settings asks for; `user` is the shard ---- */
bool tca_may_park(void *user, struct tca_flow *flow);
int tca_park(void *user, struct tca_flow *flow, const void *parcel, size_t size, uint64_t *ret_place);
int tca_recall(void *user, uint64_t place, void *payload, void *stream_payload, void *ret_parcel,
               uint32_t *ret_note);

void tca_forget(void *user, struct tca_flow *flow);
int tca_again(void *user, struct tca_flow *flow, const struct tca_segment *syn, int side);

/* ---- address translation (nat.c) ---- */
/* Of each flow before it goes to the spool; on any thread. known_as: of tca_nat_hint(). */
int tca_nat_add_flow(struct tca_shard *shard, const struct tca_mirror *m, uint32_t *known_as);
/* All flows are in: which rows are one connection. */
int tca_nat_prepare(struct tca_session *s);
/* Write what is known of it into the dossier. */
void tca_nat_tell(const struct tca_session *s, struct tca_dossier *d);
/* The listener at which this row's connection is counted, borrowed or in *room; never NULL. */
const struct tca_listener *tca_nat_listener(const struct tca_session *s, const struct tca_dossier *d,
                                            struct tca_listener *room);
/* What holds of this connection's attempt, which is counted by one row of two: for its sockets. */
const struct tca_pressed *tca_nat_pressed(const struct tca_session *s, const struct tca_dossier *d);
/* Does another row tell this connection where each is told once? `twin` is the row's own, or NULL. */
bool tca_nat_again(const struct tca_session *s, const struct tca_dossier *d, const struct tca_twin *twin);

/* ---- what sweeps find (swept.c) ---- */
/* All captures are swept. 0, TCA_EMEMORY or TCA_EOUTPUT. */
int tca_swept_make(struct tca_session *s);
void tca_swept_done(struct tca_session *s);
/* Of this capture. */
const struct tca_swept *tca_swept_of(const struct tca_session *s, uint32_t capture);
/* Listeners of all captures, by capture, address, port; each borrowed, or in *room. */
size_t tca_swept_listeners(const struct tca_session *s);
const struct tca_listener *tca_swept_listener(const struct tca_session *s, size_t index,
                                              struct tca_listener *room);
/* NULL: nobody listens there. */
const struct tca_listener *tca_swept_place(const struct tca_session *s, uint32_t capture,
                                           const uint8_t addr[16], uint16_t port, struct tca_listener *room);
/* Somebody does. */
bool tca_swept_serves(const struct tca_session *s, uint32_t capture, const uint8_t addr[16], uint16_t port);
/* Hosts of all captures, by capture and address; `host` 0 at first. NULL behind the last. */
struct tca_each_host {
    size_t swept, host;
};
const struct tca_host *tca_swept_host(const struct tca_session *s, struct tca_each_host *next);

/* ---- twins (twins.c): after every flow was added, find the same connections in several captures ---- */
int tca_twins_prepare(struct tca_session *s);

/* ---- pass 2 (pass2.c) ---- */
int tca_pass2_prepare(struct tca_session *s);
/* A dossier whose clocks have run, and what is known of its ends. */
struct tca_settled {
    struct tca_dossier d;
    const struct tca_host *host[2]; /* by role; borrowed */
    struct tca_listener room;       /* for its case */
    bool
        unsettled; /* it is a SYN that is cut short: its clocks have not run, and nothing is known of its ends */
};
/* Decode one item of the sorter as tca_spool_get does, and let its clocks run to the end of its capture, or to
 * `until_ns` if that is later. */
void tca_pass2_settle(const struct tca_session *s, struct tca_reading *reading, const void *item,
                      int64_t until_ns, struct tca_settled *ret);
/* All dossiers so, in row order: some at a time, which live until fn returns. Non-zero from fn stops and is returned. */
typedef int tca_settled_fn(void *user, struct tca_settled *settled, size_t count);
int tca_pass2_settle_all(struct tca_session *s, int64_t until_ns, tca_settled_fn *fn, void *user);
/* Who takes them in two steps. Non-zero from either stops and is returned. */
struct tca_settled_taker {
    tca_settled_fn *fn; /* by one thread at a time, in row order; ... */
    int (*behind)(
        void *user,
        unsigned task); /* ... then these tasks, at the same time, while the next ones are settled */
    unsigned behinds;   /* TCA_BEHIND_MAX (batches.h) at most */
    void *user;
};
/* The same of some captures alone, to their ends, while it is found out which SYNs are cut short: of which nothing more need be
 * known. They live until the tasks behind them are done. */
int tca_pass2_settle_first(struct tca_session *s, struct tca_owners captures,
                           const struct tca_settled_taker *taker);
/* What a judge, or the census, may look at. Borrows what was settled. */
struct tca_case tca_pass2_case(const struct tca_session *s, struct tca_settled *settled);
/* Every flow in row order, judged. Non-zero from fn stops and is returned. */
typedef int tca_view_fn(void *user, const struct tca_flow_view *view);
int tca_pass2_walk(struct tca_session *s, tca_view_fn *fn, void *user);
/* The same with every finding, whatever the user wants to read: for what is counted from them. */
int tca_pass2_walk_all(struct tca_session *s, tca_view_fn *fn, void *user);

/* ---- told to several (take.c) ---- */
/* One walk of which several are told; whoever fails is told no more. */
typedef int tca_join_fn(void *user, void *part);
struct tca_taker {
    tca_view_fn *flow;
    void *user;
    /* Borrowed: users in its place, where there are several threads. Without `join` one for each thread, tca_pass2_lanes() in all, each of
     * which is told some flows, in no order. With it one for each part of a block of flows, tca_pass2_parts() in all; each is told
     * those of its part in row order, and then `join` gets them in the order of the parts. NULL: it is told all in row order. */
    void *const *of;
    tca_join_fn *join;
    bool everything; /* asks for every finding, whatever the user wants to read */
    int error;       /* set: what `flow` or `join` returned */
};
/* Threads of a walk: where something is done beside it, it has one, and no more. */
unsigned tca_pass2_lanes(const struct tca_session *s);
unsigned tca_pass2_parts(const struct tca_session *s);
/* 0, or the error of the walk: TCA_EMEMORY, TCA_EOUTPUT. */
int tca_pass2_walk_for(struct tca_session *s, struct tca_taker *taker, size_t count);

/* What is made of all flows: its maker looks at each once, and then tells. Several are made in one walk; those that are made of
 * flows alone find nothing changed by the others. */
struct tca_maker {
    /* One of `of` that share the memory it may take; whatever it returns, `done` is called for *ret_own. */
    int (*begin)(struct tca_session *s, unsigned of, void **ret_own);
    tca_view_fn *flow; /* `user` is its own */
    /* What another one looked at is this one's too from now on; only to be done with after that. NULL: it has to look at all flows
     * itself, in row order. */
    tca_join_fn *join;
    int (*end)(void *own, void *to); /* tells; what `to` is each maker says */
    void (*done)(void *own);         /* accepts NULL */
    bool everything;                 /* asks for every finding, whatever the user wants to read */
};
/* A maker at work: one for each thread until they are joined. */
struct tca_made {
    const struct tca_maker *maker;
    void **lane; /* owned, and what is there; the first one is what is told of */
    unsigned lanes;
};
int tca_made_begin(struct tca_session *s, const struct tca_maker *maker, struct tca_made *ret);
struct tca_taker tca_made_taker(const struct tca_made *m); /* valid until it is joined */
int tca_made_join(struct tca_made *m);
void tca_made_done(struct tca_made *m); /* whatever came before; accepts all zero */
/* Begins, looks at every flow, joins. */
int tca_made_gather(struct tca_session *s, const struct tca_maker *maker, struct tca_made *ret);
/* Makes this one alone. 0, TCA_EMEMORY, TCA_EOUTPUT, or what telling returned. */
int tca_make(struct tca_session *s, const struct tca_maker *maker, void *to);

/* A listener with only the episodes that the user wants to read about. */
struct tca_told_listener {
    struct tca_listener listener; /* its episodes point here */
    struct tca_episode episode[TCA_EPISODES_MAX];
    const struct tca_capture_facts *capture;
};
void tca_pass2_listener(const struct tca_session *s, size_t index, struct tca_told_listener *ret_told);
/* Every listener with its incidents, by (first packet, capture, first frame) (listeners.c). Non-zero from fn stops. */
typedef int tca_listener_fn(void *user, const struct tca_listener_view *view);
int tca_listeners_each(struct tca_session *s, tca_listener_fn *fn, void *user);
/* Does the user want to read about it? */
bool tca_pass2_tells(const struct tca_session *s, const struct tca_incident *one);
/* Settings told by the traffic: made at the first call, owned by the session. */
int tca_pass2_estimates(struct tca_session *s, const struct tca_estimates **ret_estimates);
extern const struct tca_maker tca_estimates_maker; /* the same, once; to: NULL */
/* Every event in order. */
typedef int tca_cells_fn(void *user, const struct tca_cells *cells);
struct tca_cells_to {
    tca_cells_fn *fn;
    void *user;
};
extern const struct tca_maker tca_events_maker; /* to: struct tca_cells_to */
/* The summary, on one page (summary.c). */
struct tca_text_to {
    tca_write_fn *fn;
    void *user;
};
extern const struct tca_maker tca_summary_maker; /* to: struct tca_text_to */
extern const struct tca_maker tca_page_maker;    /* the report page (web.c); likewise; needs the census */
struct tca_report_options tca_report_options_of(const struct tca_session *s);

/* ---- the census (census.c) ---- */
/* How many sockets were in which state, up to the captures' end; borrowed. Costs one walk when first asked for. */
int tca_census_of(struct tca_session *s, struct tca_census **ret_census);
extern const struct tca_maker tca_census_maker; /* the same, once; to: NULL */
/* At least what is needed for the highest counts of listeners; borrowed, to be asked for these alone. */
int tca_census_of_listeners(struct tca_session *s, struct tca_census **ret_census);
/* The same with clocks that run on to `until_ns`; the caller's to free. */
int tca_census_until(struct tca_session *s, int64_t until_ns, struct tca_census **ret_census);

/* ---- which host, which moment (choose.c) ---- */
/* TCA_EUSAGE where --host named one that no connection has (facts.c). */
int tca_facts_check(const struct tca_session *s, struct tca_error *error);
/* The host that the user named, else the only one, else the only one at whose side the captures were taken: then
 * *error says so, with code 0. TCA_EUSAGE with the names of the hosts where none of these is one. */
int tca_choose_host(struct tca_session *s, uint8_t ret_addr[16], struct tca_error *error);
/* The moment that the user named, else that of the last packet. TCA_EUSAGE if it lies before the first one. */
int tca_choose_time(const struct tca_session *s, int64_t *ret_ns, struct tca_error *error);
/* Add to what *error says that the moment lies after the last packet, if it does. */
void tca_tell_lateness(const struct tca_session *s, int64_t time_ns, struct tca_error *error);

/* ---- the sockets of one host (ss.c) ---- */
int tca_write_ss(struct tca_session *s, tca_write_fn *fn, void *user, struct tca_error *error);

/* ---- kernel counters (counters.c) ---- */
/* What each host's kernel counted, by capture and address; with --host of that one alone. Non-zero from fn stops. */
typedef int tca_host_counts_fn(void *user, const struct tca_host_counts *host);
struct tca_host_counts_to {
    tca_host_counts_fn *fn;
    void *user;
};
extern const struct tca_maker tca_counters_maker; /* to: struct tca_host_counts_to */

/* ---- selectors (selector.c) ---- */
/* Which flow: called with each judged flow in row order until it says yes. */
struct tca_selector {
    enum { SELECT_STREAM, SELECT_FRAME, SELECT_FLOW, SELECT_CID, SELECT_TUPLE, SELECT_FINDING } kind;
    uint32_t capture; /* the ordinal of a file; 0: any, the first one that fits */
    uint64_t number;  /* stream, frame, first frame, K of a finding */
    uint64_t seen;    /* findings counted so far */
    char cid[64];
    int finding;
    uint8_t addr[2][16];
    uint16_t port[2];
    bool has_time;
    int64_t time_ns;
};
int tca_selector_parse(const char *text, struct tca_selector *ret, struct tca_error *error);
bool tca_selector_fits(struct tca_selector *sel, const struct tca_flow_view *view);
/* ---- one flow's segments again (explain.c) ---- */
/* The first judged flow that fits the selector goes to fn; what fn returns is returned, in words. TCA_EUSAGE where the
 * selector is wrong, fits nothing, or no trace was kept. */
int tca_choose_flow(struct tca_session *s, const char *selector, tca_view_fn *fn, void *user,
                    struct tca_error *error);
/* What pass 1 kept of this flow's segments, in the order it met them; with `pieces`, among them every fragment of its
 * capture that a segment was made of: t->flow_frame is that segment's frame. Non-zero from fn stops and is returned. */
typedef int tca_trace_fn(void *user, const struct tca_trace *t);
int tca_trace_walk(struct tca_session *s, const struct tca_dossier *d, bool pieces, tca_trace_fn *fn,
                   void *user);

/* "ADDR:PORT" or "[ADDR6]:PORT". */
bool tca_parse_endpoint(const char *text, size_t length, uint8_t ret_addr[16], uint16_t *ret_port);
/* An IPv4 or IPv6 address without brackets. */
bool tca_parse_address(const char *text, uint8_t ret_addr[16]);
/* Epoch seconds with fraction, or ISO 8601 in UTC with optional fraction and Z. */
bool tca_parse_time(const char *text, int64_t *ret_ns);

#endif
