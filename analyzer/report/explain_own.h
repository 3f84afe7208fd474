/* SPDX-License-Identifier: MIT
 *
 * The parts of explain; private to report/explain*.c.
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

struct tca_explain {
    const struct tca_flow_view *view; /* borrowed */
    tca_write_fn *fn;
    void *user;
    bool ascii, failed, parted, answered; /* answered: a SYN+ACK has passed */
    struct tca_buf out;
    struct sender sender[2];
    struct fold fold;
    int64_t last_ns; /* of the line before; -1 before the first */
    enum tca_state before[2];
};

static inline const struct tca_mirror *explain_mirror(const struct tca_explain *ex)
{
    return &ex->view->c->d->m;
}

/* A step that no segment shows. */
bool tca_explain_timer(const struct tca_step *step);
/* The settled state of a side after this segment. */
enum tca_state tca_explain_state(const struct tca_side *s, const struct tca_trace *t);
/* Did its receiver not take it? */
bool tca_explain_ignored(const struct tca_explain *ex, const struct tca_trace *t);
/* The name of a repeat, or of a segment with a purpose of its own; "" for any other. */
void tca_explain_name(struct tca_explain *ex, const struct tca_trace *t, char *name, size_t size);
/* What is learnt of its sender: before it is told (base, copies), and after. */
void tca_explain_base(struct tca_explain *ex, const struct tca_trace *t);
void tca_explain_copy(struct sender *s, const struct tca_trace *t);
void tca_explain_sent(struct sender *s, const struct tca_trace *t);

#endif
