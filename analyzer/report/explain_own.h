/* SPDX-License-Identifier: MIT
 *
 * The parts of explain; private to report/explain*.c and the pictures.
 *
 *     trace --> explain.c: what each segment is told as --> ladder_entry --> a form: text, svg, html, mermaid
 *                                                      \--> told_segment --> xplot
 *
 * Every form is made of the same entries, one after another; none looks at a segment itself, so a picture cannot tell
 * anything else than the text does.
 */
#ifndef TCA_REPORT_EXPLAIN_OWN_H
#define TCA_REPORT_EXPLAIN_OWN_H

#include "report/row.h"

enum { FOLD_OVER = 5 }; /* a run of more plain data segments than this is folded */

/* What was sent by one side up to now. */
struct sender {
    uint32_t base;     /* subtracted from its sequence numbers */
    uint32_t sent_end; /* highest end seen */
    bool base_known, sent_known;
    bool shut;                 /* its last segment closed its window */
    uint64_t syn, synack, fin; /* copies so far */
    int next_step;             /* first step not yet looked at for timers */
};

struct fold {
    struct tca_trace kept[FOLD_OVER]; /* the first ones of the run */
    struct tca_trace last;
    uint64_t count, bytes[2], segments[2];
};

enum ladder_kind {
    LADDER_SEGMENT,
    LADDER_FOLD,  /* a run of plain data segments and acknowledgments */
    LADDER_TIMER, /* a state that ended by a clock */
    LADDER_CUT,   /* what a picture of a long connection leaves out */
};

/* What a ladder tells in one place. */
struct ladder_entry {
    enum ladder_kind kind;
    uint8_t from; /* whose arrow it is (of an ICMP error that of its receiver's peer), or whose clock */
    bool icmp, ignored, repeat;
    bool parted;                    /* from here on the ends disagree on whether the connection is open */
    bool waited;                    /* of a timer: TIME-WAIT is over; else it gave up */
    int64_t time_ns;                /* of a fold that of its first segment */
    int64_t gap_ns;                 /* of silence before it; -1: not worth naming */
    uint64_t frame;                 /* as findings tell it; of a fold the first; 0: none */
    struct tca_spot spot, last;     /* where its record is; the last one of those it stands for */
    enum tca_state state[2];        /* after it; TCA_STATE_COUNT: as at first */
    char flags[32], numbers[72];    /* of the segment: "SYN+ACK", "seq=0 ack=1" */
    char name[80];                  /* of a repeat, or of a segment with a purpose of its own; "" */
    const char *comment;            /* what somebody wrote beside it, unclean; borrowed; NULL */
    uint64_t bytes[2], segments[2]; /* by sender, of all it stands for */
};

/* One segment for a form that shows each. */
struct told_segment {
    const struct tca_trace *t;
    const char *name;
    bool repeat, ignored;
};

/* How a ladder is shown. Each function may be NULL. */
struct picture_room;
struct tca_explain_form {
    const char *name;
    const struct picture_room *room; /* of a picture; NULL: as much as there is */
    bool ascii;
    int turns; /* the trace is shown so often */
    void (*head)(struct tca_explain *ex);
    void (*segment)(struct tca_explain *ex, const struct told_segment *told); /* each, as it passes */
    void (*entry)(struct tca_explain *ex, const struct ladder_entry *e);
    void (*end)(struct tca_explain *ex); /* of a turn */
};

struct tca_explain {
    const struct tca_flow_view *view; /* borrowed */
    const struct tca_explain_form *form;
    tca_write_fn *fn;
    void *user;
    bool failed, parted, answered; /* answered: a SYN+ACK has passed */
    bool sparse;                   /* only what was kept as evidence is shown: nothing is folded */
    int turn;                      /* from 0 */
    struct tca_buf out;
    struct tca_buf text; /* for whoever needs one for a moment */
    struct sender sender[2];
    struct fold fold;
    int64_t last_ns; /* of the line before; -1 before the first */
    enum tca_state before[2];
    struct picture *picture; /* owned; what a picture has kept (picture.h); NULL */
    struct plot *plot;       /* owned; where the lines of a graph are (explain_xplot.c); NULL */
};

static inline const struct tca_mirror *explain_mirror(const struct tca_explain *ex)
{
    return &ex->view->c->d->m;
}

/* ---- explain_segment.c: what one segment is told as ---- */
/* A step that no segment shows. */
bool tca_explain_timer(const struct tca_step *step);
/* The settled state of a side after this segment. */
enum tca_state tca_explain_state(const struct tca_side *s, const struct tca_trace *t);
/* Did its receiver not take it? */
bool tca_explain_ignored(const struct tca_explain *ex, const struct tca_trace *t);
/* The name of a repeat, or of a segment with a purpose of its own; "" for any other. True of what was sent again. */
bool tca_explain_name(struct tca_explain *ex, const struct tca_trace *t, char *name, size_t size);
/* What is learnt of its sender: before it is told (base, copies), and after. */
void tca_explain_base(struct tca_explain *ex, const struct tca_trace *t);
void tca_explain_copy(struct sender *s, const struct tca_trace *t);
void tca_explain_sent(struct sender *s, const struct tca_trace *t);

/* ---- explain_words.c: what every form says in the same words; appended to `out` ---- */
extern const char *const tca_explain_role[2];
/* The time of an entry in the style that was asked for. */
void tca_explain_time(const struct tca_explain *ex, int64_t time_ns, struct tca_buf *out);
void tca_explain_elapsed(struct tca_buf *out, int64_t ns); /* "1.02 s" */
/* A record by its number, with its file where that is not the one in which the connection begins. */
void tca_explain_spot(const struct tca_explain *ex, struct tca_spot spot, struct tca_buf *out);
/* Its stream, its flow, its file. */
void tca_explain_names(const struct tca_explain *ex, struct tca_buf *out);
/* What its numbers are relative to. */
void tca_explain_numbers(const struct tca_explain *ex, struct tca_buf *out);
/* The connection's next of kin, from 0: another row that tells it. False: there is none more. */
bool tca_explain_kin(const struct tca_explain *ex, int i, struct tca_buf *out);
/* "client 9 bytes (1 pkts), server 0 (0)" */
void tca_explain_fold(const struct ladder_entry *e, struct tca_buf *out);
void tca_explain_timer_words(const struct ladder_entry *e, struct tca_buf *out);
/* The states at the end. */
void tca_explain_ending(const struct tca_explain *ex, struct tca_buf *out);
/* Comments of the capture for which there was no room; nothing where there are none. */
void tca_explain_unshown(const struct tca_explain *ex, struct tca_buf *out);
extern const char tca_explain_parting[];
/* A finding: its sentence, or what it means. Valid until the sentence goes. */
const char *tca_explain_says(const struct tca_explain *ex, const struct tca_judgement *j,
                             struct tca_sentence *sentence);
void tca_explain_proof(const struct tca_explain *ex, const struct tca_judgement *j, int i,
                       struct tca_buf *out);

extern const struct tca_explain_form tca_explain_text, tca_explain_ascii, tca_explain_svg, tca_explain_html,
    tca_explain_mermaid, tca_explain_xplot;

/* ---- explain_marks.c: a ladder of what a dossier has kept, where there is no trace ---- */
/* Shows it all segments that were kept as evidence. 0, TCA_EMEMORY or TCA_EOUTPUT. */
int tca_explain_marks(struct tca_explain *ex);
/* Segments that were kept as evidence. */
uint64_t tca_explain_kept(const struct tca_dossier *d);

void tca_plot_free(struct plot *plot); /* NULL too */

#endif
